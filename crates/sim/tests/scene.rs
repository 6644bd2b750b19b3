//! The classic scene in the simulation: once as it is, once with every exchanger down for good.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::path::Path;
use std::time::Duration;

use scene::Scene;
use sim::play::Stage;

const HOUR: Duration = Duration::from_secs(3600);

fn classic() -> Scene {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenes/classic.toml");
    Scene::load(&path).unwrap()
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn the_second_exchanger_takes_it() {
    paused().block_on(async {
        let mut stage = Stage::new(classic(), 1).unwrap();
        stage.start();
        stage.send().await.unwrap();
        stage.wait(Duration::from_secs(30)).await;
        assert_eq!(stage.disappointments(), Vec::<String>::new());
    });
}

/// All exchangers stay down: a notice after four hours, the report after five days.
/// Register: 5321-4.5.4.1-e, 5321-4.4-s, 5321-4.4-x.
#[test]
fn after_five_days_it_comes_back() {
    paused().block_on(async {
        let scene = classic();
        let down = scene.host("mx2.hsi.example").unwrap().addresses.clone();
        let mut stage = Stage::new(scene, 2).unwrap();
        for address in down {
            stage.net.set_down(address.into(), true);
        }
        // The hub hides the workstation, so reports come to the hub's name: that mailbox is there.
        stage.start();
        stage.send().await.unwrap();
        let hub = |stage: &Stage| stage.hosts["noao.example"].boxes.all();

        stage.wait(3 * HOUR).await;
        assert_eq!(hub(&stage).len(), 0, "nothing is said in the first hours");
        stage.wait(5 * HOUR).await;
        let told = hub(&stage);
        assert_eq!(told.len(), 1);
        assert!(told[0].1.text().contains("Action: delayed"), "{}", told[0].1.text());

        stage.wait(5 * 24 * HOUR).await;
        let told = hub(&stage);
        assert_eq!(told.len(), 2);
        let report = told[1].1.text();
        for part in [
            "Return-Path: <>",
            "Action: failed",
            "Final-Recipient: rfc822; gunnar@hsi.example",
            "Status: 4.4.1",
            "Subject: testing",
            "A line that is a dot",
        ] {
            assert!(report.contains(part), "{part} is missing in\n{report}");
        }
    });
}
