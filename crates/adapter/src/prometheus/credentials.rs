//! The headers of a request: those of the settings and the proof of who asks.
//!
//! **Invariant:** exactly one source of the `Authorization` header is in force, and its value is
//! marked sensitive.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tracing::warn;

use super::settings::{BuildError, ClientSettings, FileRole};
use super::watched_file::WatchedFile;

/// Headers that belong to the message and not to whoever configures a client.
const FRAMING: [HeaderName; 5] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, CONTENT_TYPE];

/// What is sent with each request.
pub(super) struct Credentials {
    /// Everything but a token from a file.
    headers: HeaderMap,
    user_agent: HeaderValue,
    token: Option<Mutex<Token>>,
    recheck: Duration,
}

struct Token {
    file: WatchedFile,
    value: HeaderValue,
    checked: Instant,
}

impl Credentials {
    pub(super) fn build(settings: &ClientSettings, basic: Option<&HeaderValue>) -> Result<Self, BuildError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let refuse = |reason| BuildError::Header { name: name.clone(), reason };
            let name = HeaderName::try_from(name).map_err(|_| refuse("its name is malformed"))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| refuse("its value has a line break or a control character; take it out"))?;
            if FRAMING.contains(&name) {
                warn!(header = %name, "this header belongs to the HTTP message itself and is not sent to Prometheus");
                continue;
            }
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let user_agent = HeaderValue::try_from(&settings.user_agent).map_err(|_| BuildError::Header {
            name: "User-Agent".into(),
            reason: "its value is malformed",
        })?;
        let mut token = None;
        if let (false, Some(basic)) = (headers.contains_key(AUTHORIZATION), basic) {
            headers.insert(AUTHORIZATION, basic.clone());
        }
        if let (false, Some(text)) = (headers.contains_key(AUTHORIZATION), &settings.bearer_token) {
            let refused = "a token has no line breaks or control characters; take them out";
            let value = bearer(text)
                .map_err(|_| BuildError::Header { name: "Authorization".into(), reason: refused })?;
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(path) = &settings.token_file {
            // Read even when another credential wins: a wrong path is a mistake worth telling.
            let mut file = WatchedFile::new(FileRole::Token, path.clone());
            let value = read_token(&mut file)?;
            if headers.contains_key(AUTHORIZATION) {
                warn!(file = %path.display(), "another Authorization for Prometheus is given; the token file is not used");
            } else {
                token = Some(Mutex::new(Token { file, value, checked: Instant::now() }));
            }
        }
        Ok(Self { headers, user_agent, token, recheck: settings.limits.recheck })
    }

    /// The headers of a request to the configured server.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(token) = &self.token {
            let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
            if token.checked.elapsed() >= self.recheck {
                token.refresh(false);
            }
            headers.insert(AUTHORIZATION, token.value.clone());
        }
        for (name, value) in self.plain_headers() {
            headers.entry(name).or_insert(value);
        }
        headers
    }

    /// The headers of a request to any server: no credentials, nothing that was configured.
    pub(super) fn plain_headers(&self) -> [(HeaderName, HeaderValue); 2] {
        [(USER_AGENT, self.user_agent.clone()), (ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]
    }

    /// Reads the token file at once; whether there is another token than in `sent`.
    pub(super) fn renewed_since(&self, sent: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
        if Some(&token.value) == sent.get(AUTHORIZATION) {
            token.refresh(true);
        }
        Some(&token.value) != sent.get(AUTHORIZATION)
    }

    /// `text` without any secret that `sent` carries, should a server repeat it.
    pub(super) fn scrubbed(&self, text: String, sent: &HeaderMap) -> String {
        let values =
            sent.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
        let secrets = values.flat_map(|value| {
            let secret = value.split_once(' ').map_or("", |(_, secret)| secret);
            [value.to_owned(), secret.to_owned(), password(value).unwrap_or_default()]
        });
        secrets.filter(|secret| secret.len() >= 6).fold(text, |text, secret| {
            if text.contains(&secret) { text.replace(&secret, "[hidden]") } else { text }
        })
    }
}

/// The password inside `Basic …`, which its server has read.
fn password(authorization: &str) -> Option<String> {
    let encoded = authorization.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

impl Token {
    /// Reads the file if it changed; if `anyway`, whatever its time of modification says.
    fn refresh(&mut self, anyway: bool) {
        self.checked = Instant::now();
        if anyway || self.file.changed() {
            match read_token(&mut self.file) {
                Ok(value) => self.value = value,
                Err(error) => {
                    warn!(file = %self.file.path.display(), %error, "the token before stays in use");
                }
            }
        }
    }
}

fn read_token(file: &mut WatchedFile) -> Result<HeaderValue, BuildError> {
    let content = file.read()?;
    let refuse = |reason: &str| BuildError::Content {
        role: file.role,
        path: file.path.clone(),
        reason: reason.into(),
    };
    let token = std::str::from_utf8(&content).map_err(|_| refuse("it is no text"))?;
    if token.trim().is_empty() {
        return Err(refuse("it is empty"));
    }
    bearer(token).map_err(|_| refuse("a token has no line breaks or control characters inside"))
}

fn bearer(token: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))?;
    value.set_sensitive(true);
    Ok(value)
}
