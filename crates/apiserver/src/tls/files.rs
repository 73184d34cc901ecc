//! Certificates and keys on disk: reading, checking, generating.
//!
//! **Invariant:** a pair is only returned when the key belongs to the certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Where the default certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFiles {
    /// Both files exist (`--tls-cert-file`, `--tls-private-key-file`).
    Given(Pair),
    /// `apiserver.crt` and `apiserver.key` in this folder, written on first use (`--cert-dir`).
    Folder(PathBuf),
}

/// A certificate chain and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A certificate for some names only (`--tls-sni-cert-key`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SniPair {
    pub pair: Pair,
    /// `example.org` or `*.example.org`; empty means the names of the certificate itself.
    pub names: Vec<String>,
}

/// Why certificates could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {path}: {reason}", path = .path.display())]
    Unreadable { path: PathBuf, reason: io::ErrorKind },
    #[error("{path} holds no PEM certificate (-----BEGIN CERTIFICATE-----)", path = .path.display())]
    NoCertificate { path: PathBuf },
    #[error("{path} holds no PEM private key (-----BEGIN PRIVATE KEY-----)", path = .path.display())]
    NoKey { path: PathBuf },
    #[error("the key {key} does not belong to the certificate {certificate}, or is of a kind that is not supported", key = .key.display(), certificate = .certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("cannot write the generated certificate {path}: {reason}; name a writable folder with --cert-dir, or give --tls-cert-file and --tls-private-key-file", path = .path.display())]
    Unwritable { path: PathBuf, reason: io::ErrorKind },
    #[error("a self-signed certificate could not be generated")]
    Generate,
    #[error("reading the certificates was interrupted")]
    Interrupted,
}

/// The bytes of all files, to notice a change without parsing.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Content {
    default: Read,
    sni: Vec<(Vec<String>, Read)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Read {
    pair: Pair,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Certificates ready for use.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) default: Arc<CertifiedKey>,
    pub(super) sni: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

/// Writes the self-signed pair of a folder that has none.
pub(super) fn prepare(certificates: &CertificateFiles) -> Result<(), ReadError> {
    let CertificateFiles::Folder(folder) = certificates else { return Ok(()) };
    let pair = in_folder(folder);
    if readable(&pair.certificate) && readable(&pair.key) {
        return Ok(());
    }
    generate(folder, &pair)
}

fn in_folder(folder: &Path) -> Pair {
    Pair { certificate: folder.join("apiserver.crt"), key: folder.join("apiserver.key") }
}

/// Reads everything that the settings name.
pub(super) fn read(certificates: &CertificateFiles, sni: &[SniPair]) -> Result<Content, ReadError> {
    let default = match certificates {
        CertificateFiles::Given(pair) => read_pair(pair)?,
        CertificateFiles::Folder(folder) => read_pair(&in_folder(folder))?,
    };
    let named = |one: &SniPair| Ok((one.names.clone(), read_pair(&one.pair)?));
    Ok(Content { default, sni: sni.iter().map(named).collect::<Result<_, ReadError>>()? })
}

impl Content {
    /// Checks that every key belongs to its certificate.
    pub(super) fn parse(&self, provider: &CryptoProvider) -> Result<Loaded, ReadError> {
        let default = Arc::new(self.default.parse(provider)?);
        let mut sni = Vec::new();
        for (names, read) in &self.sni {
            let key = read.parse(provider)?;
            let names = if names.is_empty() { names_of(&key) } else { names.clone() };
            sni.push((names, Arc::new(key)));
        }
        Ok(Loaded { default, sni })
    }
}

fn readable(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}

fn read_file(path: &Path) -> Result<Vec<u8>, ReadError> {
    /// Far above any chain, and small enough to hold.
    const LIMIT: u64 = 1 << 20;
    let unreadable = |error: io::Error| ReadError::Unreadable { path: path.to_owned(), reason: error.kind() };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, LIMIT), &mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn read_pair(pair: &Pair) -> Result<Read, ReadError> {
    Ok(Read { certificate: read_file(&pair.certificate)?, key: read_file(&pair.key)?, pair: pair.clone() })
}

impl Read {
    fn parse(&self, provider: &CryptoProvider) -> Result<CertifiedKey, ReadError> {
        let Pair { certificate, key } = &self.pair;
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&self.certificate).filter_map(Result::ok).collect();
        if chain.is_empty() {
            return Err(ReadError::NoCertificate { path: certificate.clone() });
        }
        let parsed =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| ReadError::NoKey { path: key.clone() })?;
        CertifiedKey::from_der(chain, parsed, provider)
            .map_err(|_| ReadError::Mismatch { certificate: certificate.clone(), key: key.clone() })
    }
}

fn names_of(key: &CertifiedKey) -> Vec<String> {
    let Some(leaf) = key.cert.first() else { return Vec::new() };
    match webpki::EndEntityCert::try_from(leaf) {
        Ok(leaf) => leaf.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        Err(_) => Vec::new(),
    }
}

/// Writes a self-signed pair for `localhost` and 127.0.0.1, readable by this user alone.
fn generate(folder: &Path, pair: &Pair) -> Result<(), ReadError> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let generated = rcgen::generate_simple_self_signed(names).map_err(|_| ReadError::Generate)?;
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| ReadError::Unwritable { path, reason: error.kind() }
    };
    std::fs::create_dir_all(folder).map_err(unwritable(folder))?;
    write_private(&pair.key, &generated.signing_key.serialize_pem()).map_err(unwritable(&pair.key))?;
    std::fs::write(&pair.certificate, generated.cert.pem()).map_err(unwritable(&pair.certificate))?;
    tracing::info!(folder = %folder.display(), "wrote a self-signed serving certificate");
    Ok(())
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gets_a_pair_once_and_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles::Folder(folder.path().join("new"));
        prepare(&files).unwrap();
        let first = read(&files, &[]).unwrap();
        prepare(&files).unwrap();
        assert!(first == read(&files, &[]).unwrap());
        let loaded = first.parse(&rustls::crypto::aws_lc_rs::default_provider()).unwrap();
        assert_eq!(names_of(&loaded.default), ["localhost"]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = prepare(&CertificateFiles::Folder(file.join("sub"))).unwrap_err();
        assert!(error.to_string().contains("--cert-dir"), "{error}");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let of = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            prepare(&CertificateFiles::Folder(of(name))).unwrap();
        }
        let pair = Pair { certificate: of("a/apiserver.crt"), key: of("b/apiserver.key") };
        let error = read(&CertificateFiles::Given(pair), &[]).unwrap().parse(&provider).unwrap_err();
        assert!(matches!(error, ReadError::Mismatch { .. }), "{error}");
    }
}
