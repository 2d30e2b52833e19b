//! What people, and a stage's own breaker, have ordered: the fold of its commands.

use std::collections::BTreeMap;

use event::{LostRange, Millis, StageCommand};

/// What a command orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageAction {
    /// Read nothing more until a resume.
    Pause,
    /// Go on.
    Resume,
    /// The stage stopped itself: too much of what came was rejected.
    Breaker,
    /// Give up positions that left the log before they were read.
    SkipExpired,
}

impl StageAction {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::Breaker, Self::SkipExpired];

    /// The word that stands for the action in a command.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Breaker => "breaker",
            Self::SkipExpired => "skip-expired",
        }
    }

    /// The action that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// Why a stage, or one partition of it, stands still by order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Whether the stage's breaker ordered it; otherwise a person did.
    pub by_breaker: bool,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// When; milliseconds UTC.
    pub at: Millis,
}

/// What holds for one stage after all its commands so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageControl {
    whole: Option<Stop>,
    partitions: BTreeMap<i32, Stop>,
    breaker_off_until: Option<Millis>,
    skips: Vec<LostRange>,
}

impl StageControl {
    /// Takes the next command of the stage. An action that this version does not know changes
    /// nothing and returns false.
    pub fn apply(&mut self, command: &StageCommand) -> bool {
        let Some(action) = StageAction::from_word(&command.action) else { return false };
        match (action, command.partition) {
            (StageAction::Pause | StageAction::Breaker, None) => self.whole = Some(stop(command)),
            (StageAction::Pause | StageAction::Breaker, Some(partition)) => {
                self.partitions.insert(partition, stop(command));
            }
            (StageAction::Resume, None) => {
                self.whole = None;
                self.partitions.clear();
                self.breaker_off_until = command.breaker_off_until;
            }
            (StageAction::Resume, Some(partition)) => {
                self.partitions.remove(&partition);
            }
            (StageAction::SkipExpired, _) => self.skips.extend(command.lost.clone()),
        }
        true
    }

    /// Why the whole stage stands still, if it does.
    pub fn whole(&self) -> Option<&Stop> {
        self.whole.as_ref()
    }

    /// The partitions that stand still by an order of their own.
    pub fn partitions(&self) -> &BTreeMap<i32, Stop> {
        &self.partitions
    }

    /// Why this partition stands still, if it does.
    pub fn stop_of(&self, partition: i32) -> Option<&Stop> {
        self.whole.as_ref().or_else(|| self.partitions.get(&partition))
    }

    /// Whether the breaker is out of the way at `now`.
    pub fn breaker_is_off(&self, now: Millis) -> bool {
        self.breaker_off_until.is_some_and(|until| now < until)
    }

    /// The range that was given up beginning at this position.
    pub fn skip_of(&self, topic: &str, partition: i32, from: i64) -> Option<&LostRange> {
        let of = |lost: &&LostRange| {
            lost.topic == topic && lost.partition == partition && lost.from == from
        };
        self.skips.iter().rev().find(of)
    }

    /// Every range that was given up, in the order of the commands.
    pub fn skips(&self) -> &[LostRange] {
        &self.skips
    }
}

fn stop(command: &StageCommand) -> Stop {
    Stop {
        by_breaker: command.action == StageAction::Breaker.word(),
        who: command.who.clone(),
        why: command.why.clone(),
        at: command.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(action: &str, partition: Option<i32>) -> StageCommand {
        StageCommand {
            stage: "validate".to_owned(),
            action: action.to_owned(),
            partition,
            who: "ada".to_owned(),
            why: "test".to_owned(),
            at: 1,
            breaker_off_until: None,
            lost: None,
        }
    }

    fn folded(commands: &[StageCommand]) -> StageControl {
        let mut control = StageControl::default();
        for command in commands {
            assert!(control.apply(command), "{command:?}");
        }
        control
    }

    #[test]
    fn a_pause_holds_until_it_is_lifted_and_a_partition_by_itself() {
        let paused = folded(&[command("pause", Some(3))]);
        assert!(paused.stop_of(3).is_some() && paused.stop_of(2).is_none());
        let both = folded(&[command("pause", Some(3)), command("pause", None)]);
        assert!(both.stop_of(2).is_some());
        let lifted = folded(&[command("pause", Some(3)), command("resume", Some(3))]);
        assert_eq!(lifted.stop_of(3), None);
    }

    #[test]
    fn a_resume_of_the_whole_stage_lifts_everything_the_breaker_too() {
        let stopped = [command("pause", Some(3)), command("breaker", None)];
        assert!(folded(&stopped).whole().is_some_and(|stop| stop.by_breaker));
        let mut resume = command("resume", None);
        resume.breaker_off_until = Some(100);
        let resumed = folded(&[stopped[0].clone(), stopped[1].clone(), resume]);
        assert_eq!((resumed.stop_of(3), resumed.whole()), (None, None));
        assert!(resumed.breaker_is_off(99) && !resumed.breaker_is_off(100));
    }

    #[test]
    fn a_skip_is_found_by_where_it_begins() {
        let lost = LostRange { topic: "t".to_owned(), partition: 1, from: 10, to: 20 };
        let skip = StageCommand { lost: Some(lost.clone()), ..command("skip-expired", Some(1)) };
        let control = folded(&[skip]);
        assert_eq!(control.skip_of("t", 1, 10), Some(&lost));
        assert_eq!(control.skip_of("t", 1, 11), None);
    }

    #[test]
    fn an_action_of_a_newer_version_changes_nothing() {
        let mut control = StageControl::default();
        assert!(!control.apply(&command("levitate", None)));
        assert_eq!(control, StageControl::default());
    }
}
