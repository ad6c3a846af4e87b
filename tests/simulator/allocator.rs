//! Memory of the histories. A history makes thousands of small allocations, which otherwise take a fifth of its time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// Sizes of blocks are multiples of this, and so are their addresses.
const UNIT: usize = 16;
/// Larger blocks come from the system.
const MAX_SIZE: usize = 8 * 1024;

#[global_allocator]
static ALLOCATOR: FreeLists = FreeLists;

/// Keeps the blocks that a thread frees in a list for each size, and allocates them again.
struct FreeLists;

thread_local! {
    /// The first free block of each size. Each block holds the address of the next one.
    static FREE: [Cell<*mut u8>; MAX_SIZE / UNIT + 1] = const { [const { Cell::new(null_mut()) }; MAX_SIZE / UNIT + 1] };
}

/// Returns the size of a block in units. None: it comes from the system.
fn units(layout: Layout) -> Option<usize> {
    let is_small = layout.size() <= MAX_SIZE && layout.align() <= UNIT;
    is_small.then(|| layout.size().div_ceil(UNIT).max(1))
}

// SAFETY: a block of `units` units is aligned for all layouts of so many units, and is in one list at most.
unsafe impl GlobalAlloc for FreeLists {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(units) = units(layout) else { return unsafe { System.alloc(layout) } };
        FREE.with(|free| {
            let block = free[units].get();
            if block.is_null() {
                return unsafe { System.alloc(Layout::from_size_align_unchecked(units * UNIT, UNIT)) };
            }
            free[units].set(unsafe { block.cast::<*mut u8>().read() });
            block
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(units) = units(layout) else { return unsafe { System.dealloc(block, layout) } };
        FREE.with(|free| {
            unsafe { block.cast::<*mut u8>().write(free[units].get()) };
            free[units].set(block);
        });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (units(layout), units(new)) {
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (old_units, new_units) if old_units == new_units => block,
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}
