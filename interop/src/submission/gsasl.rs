//! GNU SASL's own program: the one client of other make that binds SCRAM to the channel. It logs in,
//! and that is all.

use std::path::Path;
use std::process::Stdio;

use super::{LOGIN, PASSWORD, Places};
use crate::checks::{Checks, that};
use crate::scan::{Tool, tool};

/// A mechanism, and what must be said with it: a client that could bind, and believes that the server
/// could not, is turned away, so it must not be able to.
const MECHANISMS: [(&str, &[&str]); 4] =
    [("PLAIN", &[]), ("LOGIN", &[]), ("SCRAM-SHA-256", &["--no-cb"]), ("SCRAM-SHA-256-PLUS", &[])];

/// Every mechanism, with the right password and a wrong one.
pub(super) fn play(
    checks: &mut Checks,
    peers: &Path,
    places: &Places,
    of: &str,
    skip_missing: bool,
) {
    let Some(gsasl) = tool(peers, "gsasl") else {
        checks.missing("gsasl", skip_missing, "run interop/install.sh");
        return;
    };
    for (mechanism, more) in MECHANISMS {
        let right = log_in(&gsasl, places, mechanism, more, PASSWORD);
        checks.check(&format!("gsasl {mechanism}{of}"), right.and_then(|said| let_in(&said)));
        let refused = log_in(&gsasl, places, mechanism, more, "wrong guess")
            .and_then(|said| that(said.contains("535 5.7.8"), || said));
        let name = format!("gsasl {mechanism}{of} is refused with a wrong password");
        checks.check(&name, refused);
    }
}

fn let_in(said: &str) -> Result<(), String> {
    that(said.lines().any(|line| line.starts_with("235")), || said.to_owned())
}

fn log_in(
    gsasl: &Tool,
    places: &Places,
    mechanism: &str,
    more: &[&str],
    password: &str,
) -> Result<String, String> {
    let mut command = gsasl.command();
    command.args(["--smtp", "--starttls", &format!("--mechanism={mechanism}")]).args(more);
    command.arg(format!("--connect=localhost:{}", places.starttls.port()));
    command.arg(format!("--x509-ca-file={}", places.authority.display()));
    command.args([format!("--authentication-id={LOGIN}"), format!("--password={password}")]);
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(said)
}
