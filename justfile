# Tasks of the project. `just` lists them; each is one command that also works without just.

# List the tasks
default:
    @just --list

# Run all tests that require only Rust and a C compiler
test *args:
    cargo test {{args}}

# Check formatting and lints of the Rust code
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- --deny warnings

# Update all generated files
render:
    UPDATE_README=1 cargo test --test readme
    helm/render

# Run the demo; target/demo/slack.html shows the messages
demo:
    cargo run --example demo

# Render every type of message
gallery:
    cargo run --example gallery

# Run the benchmark
bench:
    cargo bench --bench run

# Fuzz for the given seconds: one target, or every target without a name
fuzz seconds="60" *targets:
    fuzz/run {{seconds}} {{targets}}

# Test the mutants of what changed since a commit
mutants base="main":
    git diff {{base}} >target/mutants.diff
    cargo mutants --in-diff target/mutants.diff

# Test the chart on a real API server
kubernetes:
    tests/kubernetes/run

# Test image and chart on a real node
node *cases:
    tests/node/run {{cases}}

# Test alerts and dashboard with a real Prometheus and Pushgateway
observability:
    tests/observability/run

# Run everything that CI runs
ci:
    .ci/run
