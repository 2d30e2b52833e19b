//! The queries of `docs/example-queries.md`.

/// One query and the heading that it stands under.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) heading: &'static str,
    pub(crate) sql: &'static str,
}

const TEXT: &str = include_str!("../../../../docs/example-queries.md");

pub(crate) fn examples() -> Vec<Example> {
    let sections = TEXT.split("\n## ").skip(1);
    let examples = sections.filter_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        let (_, sql) = text.split_once("```sql\n")?;
        let (sql, _) = sql.split_once("```")?;
        Some(Example { heading, sql })
    });
    examples.collect()
}

impl Example {
    /// Whether it says which events of which days it wants, or which one.
    pub(crate) fn is_narrow(&self) -> bool {
        let of_days = self.sql.contains("event_name ") && self.sql.contains("appended_at >= ");
        of_days || self.sql.contains("origin_offset = ")
    }
}
