//! Loads trusted CA certificates.

use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::HttpError;

/// Valid certificates, and a configuration that trusts them.
pub(super) struct TrustRoots {
    certificates: Vec<CertificateDer<'static>>,
    config: Arc<ClientConfig>,
}

impl TrustRoots {
    /// Loads the bundle in `file`, which replaces the built-in roots. Certificates that cannot be roots are ignored, because
    /// bundles contain some. A bundle without a root is an error. `variable` is the name of the variable.
    pub(super) fn load(variable: &'static str, file: Option<&str>) -> Result<Self, HttpError> {
        match file.map(str::trim).filter(|f| !f.is_empty()) {
            None => {
                Self::from_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec()).map_err(HttpError::Client)
            }
            Some(file) => {
                let pem = std::fs::read(file).map_err(|e| format!("cannot be read: {e}"));
                let roots = pem.and_then(|pem| Self::from_pem(&pem));
                roots.map_err(|why| HttpError::Roots { variable, file: file.to_owned(), why })
            }
        }
    }

    /// Loads the certificates of a PEM bundle.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let certificates: Result<_, _> = CertificateDer::pem_slice_iter(pem).collect();
        certificates.map_err(|e| format!("not valid PEM: {e}")).and_then(Self::from_certificates)
    }

    fn from_certificates(mut certificates: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
        if certificates.is_empty() {
            return Err("holds no certificate that could be trusted".into());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        let mut config = versions.with_root_certificates(store).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { certificates, config: Arc::new(config) })
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The certificates for the AWS SDK, which accepts only PEM, and panics if it cannot parse a certificate.
    pub(super) fn trust_store(&self) -> TrustStore {
        let pem = |der: &CertificateDer<'_>| {
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                aws_smithy_types::base64::encode(der)
            )
        };
        TrustStore::empty().with_pem_certificate(self.certificates.iter().map(pem).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(text: &str) -> Result<TrustRoots, HttpError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        TrustRoots::load("SSL_CERT_FILE", file.path().to_str())
    }

    fn pem(der: &[u8]) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", aws_smithy_types::base64::encode(der))
    }

    #[test]
    fn ca_bundle_replaces_the_built_in_roots() {
        let one = pem(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[0]);
        assert_eq!(load(&format!("# a comment\n{one}{}", pem(b"no certificate"))).unwrap().certificates.len(), 1);
        assert!(TrustRoots::load("SSL_CERT_FILE", None).unwrap().certificates.len() > 50);
        assert!(TrustRoots::load("SSL_CERT_FILE", Some("")).unwrap().certificates.len() > 50);
    }

    #[test]
    fn a_bundle_without_certificates_is_an_error_that_names_it() {
        for bad in
            ["", "nonsense", &pem(b"no certificate"), "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
        {
            let error = load(bad).err().unwrap().to_string();
            assert!(error.starts_with("SSL_CERT_FILE: ") && error.contains("PEM"), "{error}");
        }
        assert!(TrustRoots::load("SSL_CERT_FILE", Some("no/such/file")).is_err());
    }
}
