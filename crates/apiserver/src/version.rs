//! `/version`: what clients learn about this build.
//!
//! **Invariant:** the members are those of `k8s.io/apimachinery/pkg/version.Info`, which kubectl parses.

use serde::Serialize;

/// The build, in the terms of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    pub major: String,
    pub minor: String,
    /// A semantic version with a leading `v`.
    pub git_version: String,
    pub git_commit: String,
    pub git_tree_state: String,
    /// RFC 3339.
    pub build_date: String,
    /// Upstream names its Go release here; this is the Rust release.
    pub go_version: String,
    pub compiler: String,
    /// `os/arch`.
    pub platform: String,
}

impl VersionInfo {
    /// For a version such as `0.1.0`; what is not known stays empty.
    pub fn new(version: &str) -> Self {
        let mut numbers = version.split('.');
        Self {
            major: numbers.next().unwrap_or_default().to_owned(),
            minor: numbers.next().unwrap_or_default().to_owned(),
            git_version: format!("v{version}"),
            git_commit: String::new(),
            git_tree_state: String::new(),
            build_date: String::new(),
            go_version: String::new(),
            compiler: "rustc".to_owned(),
            platform: format!("{}/{}", std::env::consts::OS, platform_arch()),
        }
    }
}

fn platform_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
