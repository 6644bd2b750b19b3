//! The flows of mail: reception, delivery, reports. They act only through the [`doors`], which the
//! binary opens on the real world and the simulation on a made one.

pub mod doors;
