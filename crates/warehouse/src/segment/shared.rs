//! The columns that views share, as the view `segment_events` declares them.

use crate::migrations::MIGRATIONS;

/// How the declaration begins.
const VIEW: &str = "CREATE OR REPLACE VIEW segment_events\n(\n";

/// Name, and the declaration with type and comment, of each column of `segment_events`, in its order.
pub(super) fn columns() -> Vec<(&'static str, &'static str)> {
    // A later file may declare it anew.
    let declared = MIGRATIONS.iter().rev().find_map(|file| file.text.split_once(VIEW));
    let Some((_, rest)) = declared else { return Vec::new() };
    let lines = rest.lines().take_while(|line| *line != ")");
    lines
        .map(|line| line.trim().trim_end_matches(','))
        .filter_map(|line| Some((line.split_once(' ')?.0, line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_columns_are_read_from_the_file_that_declares_them() {
        let columns = columns();
        let declared = |name: &str| columns.iter().find(|it| it.0 == name).unwrap().1;
        assert_eq!(declared("id"), "id String COMMENT 'The sender''s own id of the message'");
        assert!(
            declared("context_screen_width").starts_with("context_screen_width Nullable(Int64)")
        );
        assert!(columns.iter().all(|(_, line)| line.contains(" COMMENT '")));
    }
}
