//! A name server that answers as scripted.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// What the server says to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Address(Ipv4Addr),
    /// A response code without a record, as SERVFAIL (2) or REFUSED (5).
    Code(u8),
    Nothing,
}

const A: u16 = 1;
const HEADER: usize = 12;

/// Serves on `address` until the process ends. `script`: the answer by name and whether an address of version 4 is asked
/// for.
///
/// # Panics
/// When the address cannot be bound.
pub fn serve(address: SocketAddr, script: impl Fn(&str, bool) -> Says + Send + 'static) {
    let socket = UdpSocket::bind(address).unwrap_or_else(|e| panic!("{address}: {e}"));
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            let question = &question[..length];
            let (name, kind) = read(question);
            if let Some(answer) = answer(question, script(&name, kind == A)) {
                drop(socket.send_to(&answer, client)); // the client may have ended
            }
        }
    });
}

fn read(question: &[u8]) -> (String, u16) {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([question[at + 1], question[at + 2]]))
}

fn answer(question: &[u8], says: Says) -> Option<Vec<u8>> {
    let mut answer = question.to_vec();
    match says {
        Says::Nothing => return None,
        Says::Code(code) => answer[2..4].copy_from_slice(&[0x81, 0x80 | code]),
        Says::Address(address) => {
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = 1;
            // the name of the question, A, IN, 60 s, four bytes
            answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address.octets());
        }
    }
    Some(answer)
}
