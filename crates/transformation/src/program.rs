//! One program: compiled once, run on every event that it is for.

use std::{cell::Cell, ops::ControlFlow};

use event::{EnrichmentFacts, Event, Text};
use serde::Serialize;
use vrl::{
    compiler::{
        CompileConfig, Compiler, ExpressionError, TimeZone, TypeState,
        runtime::{Runtime, Terminate},
        state::{ExternalEnv, LocalEnv},
    },
    diagnostic::{DiagnosticList, Span},
    path::OwnedValuePath,
    value::{Kind, Value, kind::Collection},
};

use crate::{
    Stopped, TransformationProblem, TransformationSettings, fields,
    fields::{MEMBERS, Members, Shape},
    functions,
    growth::{self, Measured},
    measure,
    place::{self, Place},
    rules,
    target::EventTarget,
};

/// Most expressions that a run evaluates.
const MOST_STEPS: u32 = 20_000;
/// The clock is not asked before so many: ordinary programs end sooner, and asking costs.
const STEPS_WITHOUT_CLOCK: u32 = 64;

/// A compiled program.
pub(crate) struct Program {
    name: String,
    text: String,
    compiled: vrl::compiler::Program,
    /// What it names of an event: nothing else is parsed for it.
    members: Members,
    zone: TimeZone,
    max_output_bytes: usize,
    max_ms: u32,
}

/// A bound that a run went beyond.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Steps,
    Size,
    Time,
}

impl Program {
    /// Compiles a program, or tells everything that is wrong with it.
    pub(crate) fn compile(
        settings: &TransformationSettings,
        text: &str,
    ) -> Result<Self, Vec<TransformationProblem>> {
        let refuse = |problems: Vec<String>| -> Vec<TransformationProblem> {
            let each = problems.into_iter();
            each.map(|problem| TransformationProblem::new(&settings.name, problem)).collect()
        };
        let (compiled, members) = compiled(text, settings.max_output_bytes).map_err(refuse)?;
        let zone = TimeZone::parse("UTC")
            .ok_or_else(|| refuse(vec!["VRL does not know the time zone UTC".to_owned()]))?;
        Ok(Self {
            name: settings.name.clone(),
            text: text.to_owned(),
            compiled,
            members,
            zone,
            max_output_bytes: settings.max_output_bytes,
            max_ms: settings.max_ms,
        })
    }

    /// Runs it on an event, which stays as it is unless all goes well.
    pub(crate) fn run<S: Text + From<String> + Serialize>(
        &self,
        event: &mut Event<S>,
        facts: &EnrichmentFacts<S>,
        overdue: &mut dyn FnMut() -> bool,
    ) -> Result<(), Stopped> {
        let full = Cell::new(false);
        // What is written may be written again: several times the size of what may be left.
        let room = self.max_output_bytes.saturating_mul(4);
        let mut target = EventTarget::of(event, facts, self.members, room, &full)
            .map_err(|name| self.failed(&format!("`.{name}` cannot be read: it nests too deep")))?;
        let (mut steps, mut bound) = (0_u32, None);
        let mut control = || {
            steps += 1;
            bound = match steps {
                _ if full.get() => Some(Bound::Size),
                MOST_STEPS.. => Some(Bound::Steps),
                STEPS_WITHOUT_CLOCK.. if overdue() => Some(Bound::Time),
                _ => None,
            };
            if bound.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let ended = Runtime::default().resolve_with_control(
            &mut target,
            &self.compiled,
            &self.zone,
            &mut control,
        );
        match ended {
            Err(Terminate::Abort(ExpressionError::Abort { .. })) => {
                Err(Stopped::Filtered { name: self.name.clone() })
            }
            Err(Terminate::Interrupted) => Err(self.beyond(bound.unwrap_or(Bound::Size))),
            Err(Terminate::Abort(error) | Terminate::Error(error)) => Err(self.error(&error)),
            Ok(_) if full.get() => Err(self.beyond(Bound::Size)),
            Ok(_) => self.take_over(&target, event),
        }
    }

    /// Writes into the event what the program wrote: all of it, or nothing.
    fn take_over<S: Text + From<String>>(
        &self,
        target: &EventTarget<'_>,
        event: &mut Event<S>,
    ) -> Result<(), Stopped> {
        let mut texts = Vec::new();
        let mut objects = Vec::new();
        for member in MEMBERS.iter().filter(|it| it.is_writable && target.has_written(it.name)) {
            let value = target.member(member.name);
            match member.shape {
                Shape::Object => objects.push((member.name, self.object(member.name, value)?)),
                _ => texts.push((member.name, self.text(member.name, value)?)),
            }
        }
        let size: usize = objects.iter().map(|(_, json)| json.len()).sum();
        if size > self.max_output_bytes {
            return Err(self.beyond(Bound::Size));
        }
        let unnamed = |(name, said): &(&str, Option<String>)| {
            *name == "event" && said.as_ref().is_none_or(|it| it.trim().is_empty())
        };
        if &*event.kind == "track" && texts.iter().any(unnamed) {
            return Err(self.failed("it took the name from a track event"));
        }
        for (name, said) in texts {
            *text_of(event, name) = said.map(S::from);
        }
        for (name, json) in objects {
            *object_of(event, name) = json.into();
        }
        Ok(())
    }

    fn text(&self, name: &str, value: Option<&Value>) -> Result<Option<String>, Stopped> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(text @ (Value::Bytes(_) | Value::String(_))) => {
                Ok(Some(text.to_string_lossy().into_owned()))
            }
            Some(_) => Err(self.failed(&format!("`.{name}` {}", Shape::Text.rule()))),
        }
    }

    fn object(&self, name: &str, value: Option<&Value>) -> Result<String, Stopped> {
        let text = match value {
            None => Ok("{}".to_owned()),
            Some(value @ Value::Object(_)) if measure::fitting(value, usize::MAX).is_some() => {
                serde_json::to_string(value)
            }
            Some(Value::Object(_)) => return Err(self.beyond(Bound::Size)),
            Some(_) => return Err(self.failed(&format!("`.{name}` {}", Shape::Object.rule()))),
        };
        text.map_err(|_| self.failed(&format!("`.{name}` is nothing that JSON can say")))
    }

    /// Our own words: VRL's messages may quote values of the event.
    fn error(&self, error: &ExpressionError) -> Stopped {
        let span = match error {
            ExpressionError::Error { labels, .. } => {
                labels.iter().find(|label| label.primary).or(labels.first()).map(|label| label.span)
            }
            ExpressionError::Fallible { span } | ExpressionError::Missing { span, .. } => {
                Some(*span)
            }
            _ => None,
        };
        match span {
            Some(span) => self.failed(&format!("an error at {}", self.at(span))),
            None => self.failed("an error"),
        }
    }

    fn at(&self, span: Span) -> String {
        let place = Place::of(&self.text, span.start());
        format!("{place}: {}", place::quoted(&self.text, span))
    }

    fn beyond(&self, bound: Bound) -> Stopped {
        self.failed(&match bound {
            Bound::Steps => format!("it evaluated {MOST_STEPS} expressions and had not ended"),
            Bound::Size => {
                let most = self.max_output_bytes;
                format!("a value in it is larger than {most} bytes or nests too deep")
            }
            Bound::Time => format!("it ran for {} ms and had not ended", self.max_ms),
        })
    }

    fn failed(&self, why: &str) -> Stopped {
        Stopped::Failed { detail: format!("transformation {}: {why}", self.name) }
    }
}

fn text_of<'a, S>(event: &'a mut Event<S>, name: &str) -> &'a mut Option<S> {
    match name {
        "event" => &mut event.event,
        "name" => &mut event.name,
        _ => &mut event.category,
    }
}

fn object_of<'a, S>(event: &'a mut Event<S>, name: &str) -> &'a mut S {
    match name {
        "properties" => &mut event.properties,
        "traits" => &mut event.traits,
        "context" => &mut event.context,
        _ => &mut event.integrations,
    }
}

fn compiled(text: &str, most: usize) -> Result<(vrl::compiler::Program, Members), Vec<String>> {
    let told = |list: DiagnosticList| -> Vec<String> {
        let errors = list.iter().filter(|it| it.severity.is_error() || it.severity.is_bug());
        errors.map(|diagnostic| place::told(text, diagnostic)).collect()
    };
    if rules::nests_too_deep(text) {
        return Err(vec!["brackets or negations nest too deep; split them up".to_owned()]);
    }
    let syntax = || {
        vrl::parser::parse(text)
            .map_err(|error| told(DiagnosticList::from(vec![Box::new(error) as Box<_>])))
    };
    // Parsed anew rather than cloned: a clone goes as deep as the syntax nests.
    let judged = rules::judge(syntax()?);
    if !judged.problems.is_empty() {
        let told = |(span, problem): &(Span, String)| {
            format!("{}: {problem}", Place::of(text, span.start()))
        };
        return Err(judged.problems.iter().map(told).collect());
    }
    let external = ExternalEnv::new_with_kind(fields::kind(), Kind::object(Collection::empty()));
    let state = TypeState { local: LocalEnv::default(), external };
    let mut functions = functions::allowed();
    // As written, for the sake of what the compiler says; then as it is to run.
    let plain = Compiler::compile(&functions, syntax()?, &state, config()).map_err(told)?;
    let problems = wrong_shapes(&plain.program);
    if !problems.is_empty() {
        return Err(problems);
    }
    functions.push(Box::new(Measured { most }));
    let measured = growth::measured(syntax()?);
    let result = Compiler::compile(&functions, measured, &state, config()).map_err(told)?;
    Ok((result.program, judged.members))
}

fn config() -> CompileConfig {
    let mut config = CompileConfig::default();
    fields::protect(&mut config);
    config
}

/// Members that may end as something that they may not be.
fn wrong_shapes(program: &vrl::compiler::Program) -> Vec<String> {
    let state = program.final_type_info().state;
    let writable = MEMBERS.iter().filter(|member| member.is_writable);
    let wrong = writable.filter(|member| {
        let path = OwnedValuePath::single_field(member.name);
        !member.shape.allows(&state.external.target_kind().at_path(&path))
    });
    wrong.map(|member| format!("at its end `.{}` {}", member.name, member.shape.rule())).collect()
}
