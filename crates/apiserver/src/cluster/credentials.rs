//! The credentials of a kubeconfig, for servers other than the Kubernetes API: some installations reach Prometheus
//! through a proxy that takes them.
//!
//! **Invariant:** no error prints a token or a line of the file.

use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

/// What the current context of a kubeconfig uses.
#[derive(Default)]
pub struct Credentials {
    pub token: Option<String>,
    pub token_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    /// Authorities written into the kubeconfig itself.
    pub authorities: Vec<CertificateDer<'static>>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// Why a kubeconfig gives no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read or is none.
    #[error("the file cannot be read as a kubeconfig")]
    Read,
    /// It has no usable current context.
    #[error("the kubeconfig has no `{0}` of the name that its current context gives")]
    Missing(&'static str),
    /// It uses something that only the Kubernetes API is spoken to with.
    #[error("`{0}` of the kubeconfig is not supported here: {1}")]
    Unsupported(&'static str, &'static str),
}

/// Reads the credentials of the current context of the kubeconfig at `path`.
///
/// # Errors
/// See [`CredentialsError`].
pub fn credentials(path: &Path) -> Result<Credentials, CredentialsError> {
    let file = Kubeconfig::read_from(path).map_err(|_| CredentialsError::Read)?;
    // The types keep secrets behind a wrapper whose crate is not ours to name; their JSON form is plain.
    let file = serde_json::to_value(&file).map_err(|_| CredentialsError::Read)?;
    let named = |list: &str, name: &Value, inner: &str| -> Option<Value> {
        let entry = file.get(list)?.as_array()?.iter().find(|entry| entry.get("name") == Some(name))?;
        entry.get(inner).cloned()
    };
    let current = file.get("current-context").ok_or(CredentialsError::Missing("context"))?;
    let context = named("contexts", current, "context").ok_or(CredentialsError::Missing("context"))?;
    let of_context = |key: &'static str| context.get(key).ok_or(CredentialsError::Missing(key));
    let cluster =
        named("clusters", of_context("cluster")?, "cluster").ok_or(CredentialsError::Missing("cluster"))?;
    let user = named("users", of_context("user")?, "user").ok_or(CredentialsError::Missing("user"))?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    for key in ["exec", "auth-provider"] {
        if user.get(key).is_some_and(|value| !value.is_null()) {
            return Err(CredentialsError::Unsupported("exec", "use a token or a token file"));
        }
    }
    if text(&user, "client-certificate-data").is_some() || text(&user, "client-key-data").is_some() {
        return Err(CredentialsError::Unsupported(
            "client-certificate-data",
            "write certificate and key to files and name these",
        ));
    }
    let authorities = match text(&cluster, "certificate-authority-data") {
        None => Vec::new(),
        Some(data) => decode(&data).ok_or(CredentialsError::Unsupported(
            "certificate-authority-data",
            "it is no PEM certificate in base64",
        ))?,
    };
    Ok(Credentials {
        token: text(&user, "token"),
        token_file: text(&user, "tokenFile").map(Into::into),
        ca_file: text(&cluster, "certificate-authority").map(Into::into),
        authorities,
        certificate_file: text(&user, "client-certificate").map(Into::into),
        key_file: text(&user, "client-key").map(Into::into),
    })
}

fn decode(data: &str) -> Option<Vec<CertificateDer<'static>>> {
    use base64::Engine as _;
    let pem = base64::engine::general_purpose::STANDARD.decode(data.trim()).ok()?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().ok()?;
    (!certificates.is_empty()).then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_context_decides_and_its_token_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        std::fs::write(
            &path,
            "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://x', certificate-authority: /ca.crt}}]\n\
             users: [{name: other, user: {token: no}}, {name: u, user: {token: secret}}]\n\
             contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n",
        )
        .expect("written");
        let found = credentials(&path).expect("credentials");
        assert_eq!(found.token.as_deref(), Some("secret"));
        assert_eq!(found.ca_file.as_deref(), Some(Path::new("/ca.crt")));
    }
}
