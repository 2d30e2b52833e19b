//! The operator's programs, inline or in files of their own.

use std::fs;

use transformation::{Source, TransformationSettings, Transformations};

use super::{Config, ConfigProblems, Problem};

impl Config {
    /// The transformations that the configuration asks for, compiled.
    pub fn transformations(&self) -> Result<Transformations, ConfigProblems> {
        let mut problems = Vec::new();
        let mut programs = Vec::new();
        for settings in &self.enrich.transformations {
            match text(settings) {
                Ok(text) => programs.push((settings.clone(), text)),
                Err(message) => problems.push(message),
            }
        }
        let compiled = Transformations::compile(&programs).map_err(|found| {
            problems.extend(found.iter().map(ToString::to_string));
        });
        match compiled {
            Ok(compiled) if problems.is_empty() => Ok(compiled),
            _ => Err(self.untransformable(problems)),
        }
    }

    fn untransformable(&self, messages: Vec<String>) -> ConfigProblems {
        let told = |message| Problem { key: "enrich.transformations".to_owned(), message };
        let problems = messages.into_iter().map(told).collect();
        ConfigProblems { origin: self.file.display().to_string(), problems }
    }
}

fn text(settings: &TransformationSettings) -> Result<String, String> {
    let problem = |why: &str| format!("transformation {:?}: {why}", settings.name);
    match settings.source().map_err(problem)? {
        Source::Inline(program) => Ok(program.to_owned()),
        Source::File(file) => fs::read_to_string(file)
            .map_err(|error| problem(&format!("{} cannot be read: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(enrich: &str) -> Config {
        Config { enrich: toml::from_str(enrich).unwrap(), ..Config::default() }
    }

    fn problems(enrich: &str) -> String {
        config(enrich).transformations().map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn without_any_there_is_nothing_to_compile() {
        assert!(config("").transformations().unwrap().is_empty());
    }

    #[test]
    fn a_transformation_without_a_program_or_with_a_file_that_is_not_there_is_a_problem() {
        let told = problems(
            "[[transformations]]\nname = \"a\"\n[[transformations]]\nname = \"b\"\nfile = \"/nonexistent/b.vrl\"",
        );
        assert!(
            told.contains("enrich.transformations: transformation \"a\": it has no program"),
            "{told}"
        );
        assert!(told.contains("/nonexistent/b.vrl cannot be read"), "{told}");
    }

    #[cfg(not(feature = "transformations"))]
    #[test]
    fn a_binary_without_transformations_says_so() {
        let told = problems("[[transformations]]\nname = \"a\"\nprogram = \".event = 1\"");
        assert!(told.contains("build it with `--features transformations`"), "{told}");
    }

    #[cfg(feature = "transformations")]
    #[test]
    fn a_program_in_a_file_is_compiled_and_its_problems_are_told_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.vrl");
        let enrich = format!("[[transformations]]\nname = \"a\"\nfile = {file:?}");
        fs::write(&file, ".category = \"a\"\n").unwrap();
        assert_eq!(config(&enrich).transformations().unwrap().runs().count(), 1);
        fs::write(&file, "x = 1\n.category = to_int(.properties.a)\n").unwrap();
        let told = problems(&enrich);
        assert!(told.contains("transformation \"a\": line 2, column 13: unhandled"), "{told}");
    }
}
