//! Every dependency may be shipped: its licence is one of a short list of permissive ones.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Done;

/// What may stand in a licence expression that we accept.
const ALLOWED: [&str; 14] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
    "BSL-1.0",
];

/// Checks the licence of each package that the workspace builds with.
pub fn run(root: &Path) -> Done {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata does not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("no packages")?;
    let text = |package: &Value, key: &str| {
        package.get(key).and_then(Value::as_str).unwrap_or("").to_owned()
    };
    let refused: Vec<String> = packages
        .iter()
        .map(|package| (text(package, "name"), text(package, "license")))
        .filter(|(_, licence)| !is_allowed(licence))
        .map(|(name, licence)| format!("{name}: licence {licence:?} is not on the list"))
        .collect();
    if refused.is_empty() {
        eprintln!("{} packages, all licences allowed", packages.len());
        return Ok(());
    }
    Err(refused.join("\n"))
}

/// One alternative of each `OR`, and every part of each `AND`, must be on the list.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let part = |part: &str| {
        let part = part.trim().trim_matches(['(', ')']).trim();
        ALLOWED.contains(&part)
    };
    let all = |side: &str| side.split(" AND ").all(|each| each.split(" OR ").any(part));
    if expression.contains('(') { all(&expression) } else { expression.split(" OR ").any(all) }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "AGPL-3.0-only", "MIT AND GPL-3.0", "(MIT OR ISC) AND MPL-2.0"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
