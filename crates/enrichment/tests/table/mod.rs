//! Tables that a person can read: a row per line, ` | ` between its cells, `-` for nothing.
#![allow(dead_code, reason = "each file of tests uses some of it")]

/// The rows of a table, without empty lines and those that begin with `#`.
pub(crate) fn rows<const N: usize>(table: &'static str) -> Vec<[&'static str; N]> {
    let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# "));
    let cells = |line: &'static str| -> Vec<&str> { line.split(" | ").map(str::trim).collect() };
    lines
        .map(|line| cells(line).try_into().unwrap_or_else(|_| panic!("{N} cells: {line}")))
        .collect()
}

/// Checks every row, and tells all that failed together.
pub(crate) fn check<T>(rows: impl IntoIterator<Item = T>, judge: impl Fn(T) -> Result<(), String>) {
    let failures: Vec<String> = rows.into_iter().filter_map(|row| judge(row).err()).collect();
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
}

/// Fails where a row's outcome is not the expected one.
pub(crate) fn same(row: &str, told: &str, expected: &str) -> Result<(), String> {
    if told == expected {
        Ok(())
    } else {
        Err(format!("{row}\n  expected {expected}\n  is       {told}"))
    }
}

/// `-` where there is nothing.
pub(crate) fn cell(text: Option<&str>) -> &str {
    text.unwrap_or("-")
}
