//! Prints what the README shows of the topology: `cargo run -p topology --example readme`.

#![allow(clippy::print_stdout, reason = "an example prints")]

fn main() {
    println!("{}\n{}", topology::flow_diagram(), topology::topic_table());
}
