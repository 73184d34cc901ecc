//! A task that ends with its owner.
//!
//! **Invariant:** nothing in this folder outlives the value that started it.

use std::future::Future;

use tokio::task::AbortHandle;

/// Aborts the task when dropped.
#[derive(Debug)]
pub struct Background(AbortHandle);

impl Background {
    /// Runs `task` until it ends or this value is dropped.
    pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task).abort_handle())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}
