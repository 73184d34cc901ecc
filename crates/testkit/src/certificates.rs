//! The certificates of one control plane: an authority for servers and clients, one for the front
//! proxy, and the key that signs service account tokens. Not a long-lived PKI.
//!
//! **Invariant:** the front proxy's authority signs nothing but the front proxy's certificate,
//! because its bearer may speak for anyone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: String,
}

/// An authority that signs with its own key.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority called `name`.
    ///
    /// # Errors
    /// When keys or certificates cannot be generated.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// The authority's own certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A client certificate for the user `name`, in `group` if one is given.
    ///
    /// # Errors
    /// When keys or certificates cannot be generated.
    pub fn client(&self, name: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A server certificate for `names` (DNS names and addresses).
    ///
    /// # Errors
    /// When keys or certificates cannot be generated.
    pub fn server(&self, names: &[&str]) -> Result<Identity> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "server");
        self.sign(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Identity> {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// The files that a control plane's flags name.
#[derive(Debug, Clone)]
pub struct Files {
    /// Folder of all of them.
    pub folder: PathBuf,
    /// The cluster's authority.
    pub authority: String,
    /// A client in `system:masters`.
    pub administrator: Identity,
    /// The client certificate of kube-controller-manager.
    pub controllers: Identity,
}

impl Files {
    /// Generates everything and writes it below `folder`.
    ///
    /// # Errors
    /// When generating or writing fails.
    pub fn generate(folder: &Path, server_names: &[&str]) -> Result<Self> {
        let cluster = Authority::new("cluster")?;
        let front = Authority::new("front-proxy")?;
        let server = cluster.server(server_names)?;
        let tokens = KeyPair::generate()?;
        let proxy = front.client("front-proxy-client", None)?;
        for (name, text) in [
            ("ca.crt", cluster.pem()),
            ("front-proxy-ca.crt", front.pem()),
            ("server.crt", server.certificate),
            ("server.key", server.key),
            ("front-proxy.crt", proxy.certificate),
            ("front-proxy.key", proxy.key),
            ("service-accounts.key", tokens.serialize_pem()),
            ("service-accounts.pub", tokens.public_key_pem()),
        ] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            authority: cluster.pem(),
            administrator: cluster.client("administrator", Some("system:masters"))?,
            controllers: cluster.client("system:kube-controller-manager", None)?,
        })
    }

    /// The path of one file.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}
