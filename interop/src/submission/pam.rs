//! Accounts of the system, by real modules of PAM. Its files are of this machine, so the server runs
//! in a mount namespace where those of the play lie over them. As root, and with a program that was
//! built with `--features pam`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::postfix::Certificate;
use toml::Value;

use super::clients::Client;
use super::{PASSWORD, start, try_all};
use crate::certificates::Authority;
use crate::checks::Checks;
use crate::talk::{Talk, wanted};

/// The services: by a program that knows one password; one that lets nobody in; one that lets
/// everybody in whose account is over; and one that is not there.
const SERVICES: [(&str, &str); 3] = [
    (
        "checked",
        "# What fails there is a fault of the system, so another module says no.\n\
         auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {folder}/check\n\
         auth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n",
    ),
    ("denied", "auth required pam_deny.so\naccount required pam_permit.so\n"),
    ("over", "auth required pam_permit.so\naccount required pam_deny.so\n"),
];

/// Plays it.
///
/// # Errors
/// A server does not start.
pub(super) fn play(
    checks: &mut Checks,
    program: &Path,
    folder: &Path,
    authority: &Authority,
    certificate: &Certificate,
    clients: &[Client],
) -> io::Result<()> {
    if !knows_pam(program, folder)? || !nix::unistd::geteuid().is_root() {
        // Most are built without: then there is nothing to be seen.
        checks.missing("PAM", true, "cargo build -p postrider --features pam, and root");
        return Ok(());
    }
    let program = wrapped(program, folder)?;
    let of = |service: &str| [("accounts", "source", Value::from(format!("pam:{service}")))];
    let begin = |service: &str| {
        start(&program, &folder.join(service), authority, certificate, &of(service))
    };
    let (host, places) = begin("checked")?;
    // SCRAM needs a verifier, which PAM does not have.
    try_all(checks, &host, &places, clients, &["PLAIN", "LOGIN"], " of PAM");
    drop(host);
    for (service, reply) in [("denied", "535 5.7.8"), ("over", "535 5.7.8"), ("missing", "5")] {
        let mut more = of(service).to_vec();
        more.push(("accounts", "clear-text", true.into()));
        let (host, places) = start(&program, &folder.join(service), authority, certificate, &more)?;
        let refused = || -> io::Result<()> {
            let mut talk = Talk::open(places.starttls)?;
            // \0reader\0correct horse battery
            let line = "AUTH PLAIN AHJlYWRlcgBjb3JyZWN0IGhvcnNlIGJhdHRlcnk=";
            wanted(&talk.ask(line)?, reply)?;
            talk.must("QUIT", "221").map(drop)
        };
        let outcome = refused().map_err(|error| format!("{error}\n{}", host.log()));
        checks.check(&format!("PAM, a service that is {service}"), outcome);
    }
    Ok(())
}

/// Whether the program takes such a source.
fn knows_pam(program: &Path, folder: &Path) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let file = folder.join("probe.toml");
    fs::write(&file, "[accounts]\nsource = \"pam\"\n")?;
    let output = Command::new(program).arg("check").arg("--config").arg(&file).output()?;
    Ok(!String::from_utf8_lossy(&output.stderr).contains("built without PAM"))
}

/// A program that is `program` where our services of PAM are those of the machine.
fn wrapped(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let services = folder.join("pam.d");
    fs::create_dir_all(&services)?;
    let executable = |file: &Path, text: String| {
        fs::write(file, text)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))
    };
    for (name, text) in SERVICES {
        let text = text.replace("{folder}", &folder.display().to_string());
        fs::write(services.join(name), text)?;
    }
    // Whatever is not there is not allowed.
    fs::write(services.join("other"), "auth required pam_deny.so\naccount required pam_deny.so\n")?;
    // The password comes on its standard input, ended by a NUL; the name stands in PAM_USER.
    let check = format!(
        "#!/bin/sh\n[ \"$PAM_USER\" = reader ] && [ \"$(tr -d '\\000')\" = '{PASSWORD}' ]\n"
    );
    executable(&folder.join("check"), check)?;
    let file = folder.join("postrider");
    let inner = format!("mount --bind {} /etc/pam.d && exec \"$0\" \"$@\"", services.display());
    let script =
        format!("#!/bin/sh\nexec unshare --mount sh -c '{inner}' {} \"$@\"\n", program.display());
    executable(&file, script)?;
    Ok(file)
}
