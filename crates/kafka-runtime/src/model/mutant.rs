//! Ways to do it wrong: for each the model must find a schedule that shows it.

/// A mistake of a loop, its log, its store or its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// Hears of its first assignment only: records of a revoked partition stay in the batch and are
    /// committed.
    IgnoresRebalances,
    /// Commits where the consumer has fetched to instead of the last processed record + 1.
    CommitsFetchPosition,
    /// Takes the group's metadata once and keeps it.
    KeepsGroupMetadata,
    /// Polls inside a transaction and takes the group's metadata afterwards.
    PollsInTransaction,
    /// Reads the committed offsets although a transaction has others pending.
    ReadsUnstableOffsets,
    /// Reads what is not decided yet.
    ReadsUncommitted,
    /// Goes on with its producer after transport trouble.
    KeepsProducer,
    /// Comes back without fencing what it left behind.
    OpensWithoutFencing,
    /// The store takes the changes before the transaction is committed.
    StoresBeforeCommit,
    /// Restores up to the last stable offset only, although a decided transaction's marker may be
    /// on its way.
    RestoresToLastStable,
    /// Does not restore from the changelog.
    NeverRestores,
    /// Commits no intent before it loads.
    CommitsNoIntent,
    /// Takes an INSERT in doubt for one that never arrived.
    SkipsReadBack,
    /// Takes an INSERT in doubt for one that arrived.
    TrustsInserts,
    /// Reads back while an INSERT may still be running.
    SkipsSettle,
    /// Each INSERT has a token of its own.
    RandomTokens,
    /// What is tried after a refused INSERT goes under the next number, although nothing was taken
    /// under the one before.
    LeavesRefusedNumbers,
    /// Looks for an INSERT in doubt, and loads its range, in the shard of its own configuration.
    ForgetsShards,
    /// Sends a range whose bundle is in doubt under its own name.
    ForgetsBundles,
    /// Takes a refused INSERT for one that arrived.
    TakesRefusedForLoaded,
}
