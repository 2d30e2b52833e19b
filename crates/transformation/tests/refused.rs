//! What is refused when programs are loaded.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "nothing runs here")]
mod sent;

use sent::{compile, named};
use transformation::{TransformationSettings, Transformations};

#[cfg(not(feature = "vrl"))]
#[test]
fn a_binary_without_transformations_says_how_to_build_one_with_them() {
    let problems = compile(".event = \"A\"").err().unwrap();
    assert!(problems[0].contains("--features transformations"), "{problems:?}");
    assert!(Transformations::compile(&[]).unwrap().is_empty());
}

/// A program, and what its problem says.
#[cfg(feature = "vrl")]
const REFUSED: &[(&str, &[&str])] = &[
    // what may not be written
    ("x = 1\n.message_id = \"m\"", &["line 2, column 1", "read-only"]),
    (".source = \"web/other\"", &["line 1, column 1", "read-only"]),
    (".anonymous_id = \"a\"", &["read-only"]),
    ("del(.user_id)", &["read-only"]),
    (".enrichment.locale = \"en\"", &["read-only"]),
    (".timestamp = from_unix_timestamp!(0)", &["read-only"]),
    (".source, err = to_int(.properties.a)", &["read-only"]),
    // what is not there
    (".propertis.a = 1", &["no member `.propertis`", ".properties"]),
    (".properties.a = .request", &["no member `.request`"]),
    (". = {}", &["`.` alone"]),
    (".properties.a = .", &["`.` alone"]),
    ("%a = 1", &["metadata"]),
    // what may fail, and types
    (".properties.n = to_int(.properties.n)", &["line 1, column 17", "unhandled"]),
    ("if .properties.a { abort }", &["line 1, column 4", "boolean"]),
    (".properties.a = upcase(1)", &["line 1, column 24", "type"]),
    (".properties.a = 1 + true", &["line 1, column 17"]),
    (".properties = 1", &["at its end `.properties` must stay an object"]),
    ("if .type == \"page\" { .traits = [1] }", &["at its end `.traits` must stay an object"]),
    (".properties = parse_json!(.properties.a)", &["`.properties` must stay an object"]),
    (".event = 7", &["at its end `.event` must stay a text"]),
    (".properties.a = (", &["line 1"]),
    // what may not be called
    (".properties.at = now()", &["line 1, column 18", "`now` is not allowed"]),
    (".properties.a = get_env_var!(\"HOME\")", &["line 1, column 17", "`get_env_var` is none"]),
    (".properties.a = random_int(1, 2)", &["`random_int` is not allowed"]),
    ("log(.properties.a)", &["`log` is not allowed"]),
    (".properties.a = upcasee(\"a\")", &["`upcasee` is none"]),
    // what makes much of little
    (".properties.a = \"x\" * 1000000000", &["repeats a text"]),
    (".properties.a = (.properties.a * .properties.b) ?? 0", &["repeats a text"]),
    (".properties.a[4000000000] = 1", &["index beyond 1000"]),
    (".properties.a[-2000] = 1", &["index beyond 1000"]),
    ("a = []\na[2000] = 1", &["line 2", "index beyond 1000"]),
    (
        ".properties.a = replace(\"a\", \"a\", string!(.properties.b))",
        &["`with` of `replace` must be a text in the program"],
    ),
    (
        ".properties.a = join!([\"a\"], separator: string!(.properties.b))",
        &["`separator` of `join`"],
    ),
    (
        ".properties.a = format_timestamp!(.timestamp, \"%F\", timezone: \"local\")",
        &["time zone of the machine"],
    ),
];

#[cfg(feature = "vrl")]
#[test]
fn a_program_that_cannot_stand_is_refused_with_place_and_reason() {
    let mut wrong = Vec::new();
    for (program, expected) in REFUSED {
        match compile(program) {
            Ok(_) => wrong.push(format!("{program}\n  was taken")),
            Err(problems) => {
                let all = problems.join("\n  ");
                if !expected.iter().all(|part| all.contains(part)) || !all.contains("\"mine\"") {
                    wrong.push(format!("{program}\n  {all}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(feature = "vrl")]
#[test]
fn every_problem_of_every_program_is_told_at_once() {
    let programs = [
        (named("a"), ".propertis.a = 1\n.b = now()".to_owned()),
        (named("a"), ".event = 1".to_owned()),
    ];
    let problems = Transformations::compile(&programs).err().unwrap();
    let told: Vec<&str> = problems.iter().map(|it| it.problem.as_str()).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told[3].contains("used twice"), "{told:#?}");
}

#[test]
fn a_program_that_is_too_long_or_has_no_proper_name_is_refused() {
    let long = "#".repeat(16 * 1024 + 1);
    assert!(compile(&long).err().unwrap()[0].contains("16385 bytes"));
    for name in ["", "Mine", "a b", "a/b"] {
        let problems = Transformations::compile(&[(named(name), "1".to_owned())]).err().unwrap();
        assert!(problems[0].problem.contains("small letters"), "{name}");
    }
}

#[test]
fn a_pattern_with_its_star_elsewhere_than_at_the_end_is_refused() {
    for sources in ["[\"*/shop\"]", "[\"web/*/x\"]", "[]"] {
        let text = format!("name = \"mine\"\nsources = {sources}");
        let settings: TransformationSettings = toml::from_str(&text).unwrap();
        let problems = Transformations::compile(&[(settings, "1".to_owned())]).err().unwrap();
        assert!(problems[0].problem.starts_with("sources: "), "{problems:?}");
    }
}

#[test]
fn a_transformation_has_a_program_or_a_file_and_not_both() {
    let source = |text: &str| {
        let settings: TransformationSettings = toml::from_str(text).unwrap();
        settings.source().map(|_| ())
    };
    assert!(source("name = \"a\"").unwrap_err().contains("no program"));
    assert!(source("name = \"a\"\nprogram = \"1\"\nfile = \"a.vrl\"").is_err());
    assert_eq!(source("name = \"a\"\nfile = \"a.vrl\""), Ok(()));
    assert!(toml::from_str::<TransformationSettings>("name = \"a\"\nprogramm = \"1\"").is_err());
}
