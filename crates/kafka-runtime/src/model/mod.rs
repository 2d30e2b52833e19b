//! The model test of the two loops: a broker, a group, disks and a warehouse in memory, processes
//! that move one operation at a time, and schedules of everything that can go wrong.
//!
//! The oracle asks for three things of every schedule: every input has one fate, none has two, no
//! offset passes a record without one. It can fail: `mutants.rs` does each thing wrong that the
//! loops are careful about, and the model finds it.

mod audit;
mod broker;
mod consumer;
mod disk;
mod group;
mod inputs;
mod member_log;
mod mutant;
mod mutants;
mod play;
mod process;
mod processors;
mod properties;
mod schedule;
mod table;
mod turnstile;
mod warehouse;
mod world;
