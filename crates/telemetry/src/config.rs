//! What can be set about logs and traces.

use serde::Deserialize;

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How a log line looks.
    pub format: LogFormat,
    /// Which lines are written, in the syntax of `tracing_subscriber::EnvFilter`, such as
    /// `info,ingest=debug`. Does not touch traces.
    pub filter: String,
    /// Base URL of an OTLP collector that speaks HTTP with protobuf, such as
    /// `http://127.0.0.1:4318`; `/v1/traces` is added where it is absent. Without it spans are
    /// not exported, but their context still travels in the record headers.
    pub otlp_endpoint: Option<String>,
    /// Share of the traces begun here that are sampled, 0.0 to 1.0. A trace begun elsewhere keeps
    /// its sender's decision.
    pub sample_ratio: f64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
            otlp_endpoint: None,
            sample_ratio: 0.01,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    Json,
}

impl LogFormat {
    pub(crate) fn is_json(self, on_terminal: bool) -> bool {
        match self {
            Self::Auto => !on_terminal,
            Self::Text => false,
            Self::Json => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_table_gives_the_defaults() {
        assert_eq!(toml::from_str::<LogConfig>("").unwrap(), LogConfig::default());
    }

    #[test]
    fn an_unknown_key_or_format_is_refused() {
        for text in ["fromat = \"json\"", "format = \"xml\""] {
            assert!(toml::from_str::<LogConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn auto_is_text_on_a_terminal_and_json_elsewhere() {
        let table = [
            (LogFormat::Auto, true, false),
            (LogFormat::Auto, false, true),
            (LogFormat::Text, false, false),
            (LogFormat::Json, true, true),
        ];
        for (format, on_terminal, json) in table {
            assert_eq!(format.is_json(on_terminal), json, "{format:?} {on_terminal}");
        }
    }
}
