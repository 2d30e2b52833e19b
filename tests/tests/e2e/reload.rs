//! Sources that change while everything runs.

use std::{fs, time::Duration};

use anyhow::ensure;
use topology::Service;
use waybill_tests::{Flow, until};

use crate::world::on_the_flow;

const PATIENCE: Duration = Duration::from_secs(15);
const NEW: &str = "[sources.\"server/late\"]\nkind = \"server\"\nwrite_keys = [\"wk_late\"]\n";
const EVENT: &str =
    r#"{"batch":[{"type":"track","event":"Late","userId":"u","messageId":"late-1"}]}"#;

fn refused(flow: &Flow, service: Service) -> anyhow::Result<bool> {
    Ok(flow.service(service).metrics()?.sum("waybill_config_refused", &[]) > 0.5)
}

fn is_known(flow: &Flow, key: &str) -> anyhow::Result<bool> {
    Ok(flow.post("/v1/validate", Some(key), EVENT.as_bytes())?.status == 200)
}

#[test]
fn a_new_source_is_known_without_a_restart_and_a_bad_file_changes_nothing() {
    on_the_flow("reload", |flow, _| {
        let before = fs::read_to_string(flow.config())?;
        ensure!(!is_known(flow, "wk_late")?);
        let changed = (|| {
            fs::write(flow.config(), format!("{before}{NEW}"))?;
            until("the new source is known", PATIENCE, || {
                Ok(is_known(flow, "wk_late")?.then_some(()))
            })?;
            // Ingest may be a moment ahead of validate.
            let validate = flow.service(Service::Validate);
            until("validate has read it too", PATIENCE, || {
                let reloads = validate.metrics()?.sum("waybill_config_reloads_total", &[]);
                Ok((reloads >= 1.0).then_some(()))
            })?;
            let sent = flow.post("/v1/batch", Some("wk_late"), EVENT.as_bytes())?;
            ensure!(sent.status == 200, "{sent:?}");
            until("its event is loaded", PATIENCE, || {
                let sql = "SELECT count() FROM events WHERE source = 'server/late'";
                Ok((flow.clickhouse(sql)? == "1").then_some(()))
            })?;
            fs::write(flow.config(), format!("{before}{NEW}write_keys = [\n"))?;
            until("a bad file is told", PATIENCE, || {
                let both = refused(flow, Service::Ingest)? && refused(flow, Service::Validate)?;
                Ok(both.then_some(()))
            })?;
            ensure!(is_known(flow, "wk_late")? && is_known(flow, "wk_web")?);
            Ok(())
        })();
        fs::write(flow.config(), &before)?;
        changed?;
        until("the file is good again", PATIENCE, || {
            let gone = !is_known(flow, "wk_late")? && !refused(flow, Service::Ingest)?;
            Ok(gone.then_some(()))
        })
    });
}
