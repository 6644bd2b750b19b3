//! The pause before the greeting: a mail server waits for it, many a program that only sends
//! unwanted mail does not (RFC 5321 §3.1).

use std::io;
use std::net::IpAddr;

use tokio::io::AsyncReadExt;
use tracing::info;

use super::Gate;
use crate::Shared;
use crate::doors::Wire;

/// Octets looked at of what comes too early.
const LOOKED_AT: usize = 1024;

/// Waits, and gives what came meanwhile: nothing, from who knows the protocol.
///
/// # Errors
/// The peer is gone.
pub(super) async fn wait(
    shared: &Shared,
    gate: &Gate,
    client: IpAddr,
    wire: &mut Box<dyn Wire>,
) -> io::Result<Vec<u8>> {
    if gate.greet_pause.is_zero() || shared.is_stopping() {
        return Ok(Vec::new());
    }
    let mut buffer = vec![0; LOOKED_AT];
    // Reading may be given up at any moment without losing an octet.
    match tokio::time::timeout(gate.greet_pause, wire.read(&mut buffer)).await {
        Err(_) => Ok(Vec::new()),
        Ok(read) => {
            let count = read?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer.truncate(count);
            let said = buffer.get(..count.min(60)).unwrap_or_default().escape_ascii();
            info!(event = "client.early", %client, listener = gate.name, %said);
            Ok(buffer)
        }
    }
}
