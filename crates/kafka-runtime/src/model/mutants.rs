//! Each mistake is found: the model can fail.

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::{mutant::Mutant, play::play, properties::config, schedule::schedules, world::Kind};

/// So many schedules at most until a mistake shows.
const CASES: u32 = 20_000;

/// Plays schedules until the oracle says one of these of the mistake.
fn assert_found(kind: Kind, mutant: Mutant, saying: &[&str]) {
    let config = Config { cases: CASES, max_shrink_iters: 0, ..config() };
    let held = TestRunner::new(config).run(&schedules(kind), |schedule| {
        let violations = play(kind, Some(mutant), &schedule).violations;
        match violations.into_iter().find(|said| saying.iter().any(|it| said.contains(it))) {
            None => Ok(()),
            Some(said) => Err(TestCaseError::fail(said)),
        }
    });
    assert!(matches!(held, Err(TestError::Fail(..))), "{mutant:?} was not found: {held:?}");
}

const TWICE: &[&str] = &["has 2 fates"];
const LOST: &[&str] = &["without a fate", "is lost"];

#[test]
fn records_of_a_revoked_partition_that_are_committed_are_found() {
    assert_found(Kind::Stateless, Mutant::IgnoresRebalances, TWICE);
}

#[test]
fn a_commit_of_the_fetch_position_is_found() {
    assert_found(Kind::Stateless, Mutant::CommitsFetchPosition, LOST);
}

#[test]
fn stale_group_metadata_is_found_since_nothing_runs_dry() {
    assert_found(Kind::Stateless, Mutant::KeepsGroupMetadata, &["does not run dry"]);
}

#[test]
fn a_poll_inside_a_transaction_is_found() {
    assert_found(Kind::Stateless, Mutant::PollsInTransaction, TWICE);
}

#[test]
fn reading_committed_offsets_while_others_are_pending_is_found() {
    assert_found(Kind::Stateless, Mutant::ReadsUnstableOffsets, TWICE);
}

#[test]
fn reading_what_is_not_decided_is_found() {
    assert_found(Kind::Stateless, Mutant::ReadsUncommitted, &["without a fate", "never put in"]);
}

#[test]
fn a_delayed_end_of_a_transaction_damages_a_later_one_unless_the_producer_is_made_anew() {
    let damage = &["has 2 fates", "without a fate", "is lost"];
    assert_found(Kind::Stateless, Mutant::KeepsProducer, damage);
}

#[test]
fn coming_back_without_fencing_is_found() {
    let damage = &["has 2 fates", "without a fate", "is lost"];
    assert_found(Kind::Stateless, Mutant::OpensWithoutFencing, damage);
}

#[test]
fn a_store_ahead_of_the_log_is_found() {
    assert_found(Kind::Stateful, Mutant::StoresBeforeCommit, &["never emitted"]);
}

#[test]
fn a_restore_that_does_not_wait_for_a_marker_on_its_way_is_found() {
    assert_found(Kind::Stateful, Mutant::RestoresToLastStable, &["emitted twice"]);
}

#[test]
fn a_store_that_is_never_restored_is_found() {
    assert_found(Kind::Stateful, Mutant::NeverRestores, &["emitted twice"]);
}

#[test]
fn loading_without_an_intent_is_found() {
    assert_found(Kind::Sink, Mutant::CommitsNoIntent, &["has 2 fates", "without a fate"]);
}

#[test]
fn an_insert_in_doubt_that_is_not_read_back_is_found() {
    assert_found(Kind::Sink, Mutant::SkipsReadBack, &["has 2 fates", "does not run dry"]);
}

#[test]
fn an_insert_that_is_trusted_is_found() {
    assert_found(Kind::Sink, Mutant::TrustsInserts, LOST);
}

#[test]
fn a_read_back_while_an_insert_runs_is_found() {
    assert_found(Kind::Sink, Mutant::SkipsSettle, TWICE);
}

#[test]
fn a_number_that_is_left_after_a_refused_insert_is_found() {
    assert_found(Kind::Sink, Mutant::LeavesRefusedNumbers, TWICE);
}

#[test]
fn a_range_of_a_bundle_that_is_sent_under_its_own_name_is_found() {
    assert_found(Kind::Sink, Mutant::ForgetsBundles, TWICE);
}

#[test]
fn a_range_in_doubt_that_is_looked_for_in_another_shard_is_found() {
    assert_found(Kind::Sink, Mutant::ForgetsShards, TWICE);
}

#[test]
fn a_refused_insert_that_is_taken_for_loaded_is_found() {
    assert_found(
        Kind::Sink,
        Mutant::TakesRefusedForLoaded,
        &["is lost", "without a fate", "does not run dry"],
    );
}

#[test]
fn an_insert_without_a_token_of_its_range_is_found() {
    assert_found(Kind::Sink, Mutant::RandomTokens, TWICE);
}
