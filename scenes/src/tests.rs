use super::*;

const CLASSIC: &str = include_str!("../classic.toml");

#[test]
fn classic_is_a_scene() {
    let scene = Scene::parse(CLASSIC).expect("classic.toml");
    assert_eq!(scene.hosts.len(), 4);
    let first = scene
        .zones
        .iter()
        .flat_map(|zone| &zone.records)
        .find(|record| record.data == Data::Mx(10, "mx.hsi.example".into()));
    assert!(first.is_some(), "the first exchanger stands in the zone");
}

#[test]
fn a_scene_that_means_nothing_is_refused() {
    let cases = [
        ("from_host = \"sun.tuc.example\"", "from_host = \"moon.tuc.example\"", "moon.tuc.example"),
        ("address = \"127.0.10.31\"", "address = \"127.0.10.1\"", "both refused"),
        ("kind = \"refused\"", "kind = \"haunted\"", "haunted"),
        ("port = 2525", "prt = 2525", "prt"),
    ];
    for (right, wrong, word) in cases {
        assert!(CLASSIC.contains(right), "{right} stands in the scene");
        let error = Scene::parse(&CLASSIC.replacen(right, wrong, 1)).expect_err(wrong);
        assert!(error.contains(word), "{error}");
    }
}
