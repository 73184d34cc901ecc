//! Authorities and client certificates made for a test.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls_pki_types::CertificateDer;

/// An authority of its own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// What a certificate is like.
pub struct Like<'a> {
    pub name: &'a str,
    pub organizations: &'a [&'a str],
    pub usage: ExtendedKeyUsagePurpose,
    /// Years between which it is valid.
    pub valid: (i32, i32),
}

impl Default for Like<'_> {
    fn default() -> Self {
        Self { name: "", organizations: &[], usage: ExtendedKeyUsagePurpose::ClientAuth, valid: (2020, 2090) }
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("an authority").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The chain of a certificate for `name` in `organizations`.
    pub fn names(&self, name: &str, organizations: &[&str]) -> Vec<CertificateDer<'static>> {
        self.signs(Like { name, organizations, ..Like::default() })
    }

    pub fn signs(&self, like: Like<'_>) -> Vec<CertificateDer<'static>> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        // rcgen keeps one value per attribute type; several organizations are tried where subjects are read.
        for organization in like.organizations {
            params.distinguished_name.push(DnType::OrganizationName, *organization);
        }
        if !like.name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, like.name);
        }
        params.extended_key_usages = vec![like.usage];
        params.not_before = date_time_ymd(like.valid.0, 1, 1);
        params.not_after = date_time_ymd(like.valid.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        vec![params.signed_by(&key, &self.issuer).expect("a certificate").der().clone()]
    }
}
