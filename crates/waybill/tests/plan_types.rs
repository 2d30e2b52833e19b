//! The helpers that `waybill plan types` writes: each file below `types/` is what it writes of the plan
//! of its name, and compiles. The Rust ones are compiled here, the Python ones run here, and the
//! TypeScript ones are checked with the JavaScript client (`make client`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

macro_rules! generated {
    ($name:ident, $path:literal) => {
        #[rustfmt::skip]
        #[path = $path]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic, reason = "as it is written")]
        mod $name;
    };
}
generated!(shop, "types/shop.rs");
generated!(odd, "types/odd.rs");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn plan(name: &str) -> PathBuf {
    match name {
        "shop" => root().join("deploy/plans/shop.yaml"),
        _ => root().join(format!("crates/waybill/tests/types/{name}.yaml")),
    }
}

fn checked_in(name: &str, ending: &str) -> PathBuf {
    root().join(format!("crates/waybill/tests/types/{name}.{ending}"))
}

#[test]
fn the_files_are_what_the_command_writes() {
    for name in ["shop", "odd"] {
        for (language, ending) in [("typescript", "ts"), ("python", "py"), ("rust", "rs")] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
            command.args(["plan", "types"]).arg(plan(name)).args(["--lang", language]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let file = checked_in(name, ending);
            if std::env::vars().any(|(name, _)| name == "UPDATE_TYPES") {
                fs::write(&file, &output.stdout).unwrap();
            }
            let written = String::from_utf8(output.stdout).unwrap();
            let there = fs::read_to_string(&file).unwrap();
            assert!(
                there == written,
                "{} differs; set UPDATE_TYPES=1 for this test, and read the difference",
                file.display()
            );
        }
    }
}

#[test]
fn a_struct_is_written_as_the_plan_has_it() {
    let order = shop::OrderCompleted {
        order_id: "o-1".to_owned(),
        plan: shop::Product::Team,
        revenue: 99.5,
        currency: "USD".to_owned(),
    };
    assert_eq!(
        serde_json::to_value(&order).unwrap(),
        serde_json::json!({"order_id": "o-1", "plan": "team", "revenue": 99.5, "currency": "USD"})
    );
    assert_eq!(shop::ORDER_COMPLETED, "Order Completed");
}

#[test]
fn what_is_not_there_is_not_written_and_what_may_be_null_is() {
    let text = serde_json::json!({
        "order_id": "o-1",
        "total": {"amount": 1.0, "currency": "EUR"},
        "type": "order",
        "undescribed": {"any": [1]},
        "items": [{"sku": "s", "2nd name": "n"}],
        "ratings": {"one": 5.0, "none": null},
        "tree": {"parent": {"children": [{}]}},
    });
    let order: odd::OrderCompleted = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&order).unwrap(), text);
    let lacks = serde_json::json!({"order_id": "o-1", "type": "order", "undescribed": 1});
    let error = serde_json::from_value::<odd::OrderCompleted>(lacks).unwrap_err();
    assert!(error.to_string().contains("total"), "{error}");
}

/// Runs where Python has `NotRequired`; else only the syntax is checked.
const PYTHON: &str = r#"
import sys
path, event = sys.argv[1:]
code = compile(open(path, encoding="utf-8").read(), path, "exec")
if sys.version_info >= (3, 11):
    helpers = {"__name__": "helpers"}
    exec(code, helpers)
    calls = []
    class Analytics:
        def track(self, **said):
            calls.append(said)
    helpers["order_completed"](Analytics(), {"order_id": "o-1"}, user_id="u-1")
    assert calls == [{"event": event, "properties": {"order_id": "o-1"}, "user_id": "u-1"}], calls
"#;

#[test]
fn the_python_helpers_hand_an_event_to_track() {
    for name in ["shop", "odd"] {
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON]).arg(checked_in(name, "py")).arg("Order Completed");
        let output = command.output().expect("python3: deploy/install-prerequisites.sh has it");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
