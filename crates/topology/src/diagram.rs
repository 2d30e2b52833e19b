//! What the README shows of the table.

use std::fmt::Write as _;

use crate::{Cleanup, Partitions, Service, Stage, TOPICS, TopicSpec};

/// The flow as a Mermaid diagram: services as boxes, topics as arrows' labels.
pub fn flow_diagram() -> String {
    let mut out = String::from("```mermaid\nflowchart LR\n");
    for stage in Stage::ALL {
        let input = stage.input();
        for writer in input.spec().written_by {
            let _infallible = writeln!(
                out,
                "  {}[{writer}] -->|{input}| {}[{}]",
                node(*writer),
                node(stage.service()),
                stage.service()
            );
        }
    }
    for stage in Stage::ALL {
        let _infallible = writeln!(
            out,
            "  {} -.->|{}| audit[audit]",
            node(stage.service()),
            stage.dead_letters()
        );
    }
    out.push_str("  forward -->|rows| clickhouse[(ClickHouse)]\n");
    out.push_str("  clickhouse -.->|origins| audit\n```\n");
    out
}

/// The table as Markdown.
pub fn topic_table() -> String {
    let mut out = String::from(
        "| topic | written by | read by | key | partitions | kept | why |\n|---|---|---|---|---|---|---|\n",
    );
    for spec in TOPICS {
        let _infallible = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            spec.topic,
            names(spec.written_by),
            names(spec.read_by),
            spec.key.describe(),
            partitions(spec),
            kept(spec.cleanup),
            spec.why
        );
    }
    out
}

fn node(service: Service) -> String {
    service.name().replace([' ', '-'], "_")
}

fn names(services: &[Service]) -> String {
    services.iter().map(|service| service.name()).collect::<Vec<_>>().join(", ")
}

fn partitions(spec: &TopicSpec) -> String {
    match spec.partitions {
        Partitions::Flow => "N".to_owned(),
        Partitions::Fixed(count) => count.to_string(),
    }
}

fn kept(cleanup: Cleanup) -> String {
    match cleanup {
        Cleanup::DeleteAfterHours(hours) => format!("{} days", hours / 24),
        Cleanup::Compact => "newest per key".to_owned(),
        Cleanup::Never => "for ever".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagram_and_the_table_name_every_flow_topic() {
        let (diagram, table) = (flow_diagram(), topic_table());
        for stage in Stage::ALL {
            assert!(diagram.contains(stage.input().name()), "{stage}");
            assert!(diagram.contains(stage.dead_letters().name()), "{stage}");
        }
        for spec in TOPICS {
            assert!(table.contains(&format!("`{}`", spec.topic)), "{}", spec.topic);
        }
    }
}
