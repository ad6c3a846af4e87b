//! TLS for a fake: a certificate authority of its own, and a certificate for 127.0.0.1 or other names.

use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection that a client has encrypted.
pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A certificate authority, and a server that it vouches for.
pub struct Authority {
    ca: String,
    server: Arc<ServerConfig>,
}

impl Authority {
    /// The one of this process: keys take a moment to make.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Authority> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// Another one, which knows nothing of the shared one.
    ///
    /// # Panics
    /// When this machine has no source of randomness.
    #[expect(clippy::new_without_default, reason = "makes keys")]
    pub fn new() -> Self {
        Self::for_names(&["127.0.0.1", "::1", "localhost"])
    }

    /// One whose server has these names and addresses.
    ///
    /// # Panics
    /// As [`Authority::new`], or when a name is none.
    pub fn for_names(names: &[&str]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of our own");
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("valid names");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate of our own");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has every version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("a key that fits its certificate");
        Self { ca: issuer.pem(), server: Arc::new(server) }
    }

    /// The certificate that a client must trust, as PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The server's side of a connection; the handshake happens with the first byte.
    ///
    /// # Panics
    /// Never: the configuration is complete.
    pub fn accept(&self, stream: TcpStream) -> Stream {
        StreamOwned::new(ServerConnection::new(self.server.clone()).expect("a complete configuration"), stream)
    }
}
