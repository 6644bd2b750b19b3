//! Sends a letter to the service of this machine:
//!
//!     cargo run -p postrider-client --example send -- 127.0.0.1:2587 ann@localhost

use std::error::Error;
use std::time::SystemTime;

use mail::content::compose::{Draft, Entity};
use mail::content::{DateTime, NamedMailbox};
use postrider_client::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (server, to) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let author = NamedMailbox::named("An example", "example@localhost".parse()?);
    let mut draft = Draft::new(author, DateTime::new(SystemTime::now(), 0));
    draft.to = vec![NamedMailbox::bare(to.parse()?).into()];
    draft.subject = "Grüße".into();
    draft.body =
        Entity::text("It works.\n").attach(Entity::attachment("a.bin", None, vec![0, 255]));
    println!("{}", Client::new(server, "localhost").send(&draft).await?);
    Ok(())
}
