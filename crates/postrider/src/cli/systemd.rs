//! What a service manager hears of us and hands to us: sd_notify(3), its watchdog, and sockets that
//! it has opened (sd_listen_fds(3)). Without one nothing of this happens.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use engine::Engine;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::warn;

/// Tells the service manager, if there is one. A manager that cannot be told is no reason to stop.
pub(super) fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(event = "systemd.deaf", %error);
    }
}

/// It is ready; `status` is shown by `systemctl status`.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Feeds the watchdog, twice as often as it asks for, while the runtime runs and the spool answers.
/// A server that hangs is then started again; what it had taken is in the spool.
pub(super) fn feed_watchdog(engine: &Engine) -> Option<JoinHandle<()>> {
    let limit = sd_notify::watchdog_enabled()?;
    let engine = engine.clone();
    Some(tokio::spawn(async move {
        loop {
            tokio::time::sleep(limit / 2).await;
            // A question that passes through the spool; a full one answers as well.
            if tokio::time::timeout(limit / 4, engine.queues(None, 1)).await.is_ok() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    }))
}

/// The listening sockets that the service manager has opened for us, each with its address.
pub(super) fn inherited() -> Vec<(SocketAddr, TcpListener)> {
    let handles: Vec<RawFd> = match sd_notify::listen_fds() {
        Ok(handles) => handles.collect(),
        Err(error) => {
            warn!(event = "systemd.sockets", %error);
            return Vec::new();
        }
    };
    handles.into_iter().filter_map(listener).collect()
}

fn listener(handle: RawFd) -> Option<(SocketAddr, TcpListener)> {
    let listener = TcpListener::from(own(handle));
    match listener.local_addr() {
        Ok(address) => Some((address, listener)),
        Err(error) => {
            warn!(event = "systemd.socket", handle, %error, "no TCP socket; left alone");
            None
        }
    }
}

/// Takes a descriptor that the service manager handed over.
#[allow(unsafe_code)]
fn own(handle: RawFd) -> OwnedFd {
    // SAFETY: sd_listen_fds(3) says that these descriptors are open and ours; they are listed once,
    // for the variables that name them are asked once, at the start.
    unsafe { OwnedFd::from_raw_fd(handle) }
}
