//! spool-log
