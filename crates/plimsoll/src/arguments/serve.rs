//! `plimsoll serve`: its clap command, and the way from flags to settings.
//!
//! **Invariant:** everything that upstream refuses when it starts, and that needs no file or network to see,
//! is refused here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};
use plimsoll_adapter::prometheus::Verb;
use plimsoll_apiserver::tls::{CipherSuites, MinVersion, UnknownCipherSuite};

use super::flags::{
    AuthenticationFlags, AuthorizationFlags, DiscoveryFlags, KubernetesFlags, LoggingFlags, PrometheusFlags,
    ServeFlags, ServingFlags,
};
use super::settings::{
    AuthenticationSettings, AuthorizationSettings, DiscoverySettings, KubernetesSettings, LoggingSettings,
    PrometheusCredentials, PrometheusSettings, RequestHeaders, ServeSettings, ServingSettings,
};
use super::value::CommaList;
use super::{ArgumentsError, compatibility};

/// Shortest time between two looks at Prometheus.
const SHORTEST_RELIST: Duration = Duration::from_secs(1);

/// The whole command line.
pub(super) fn command() -> Command {
    const AFTER: &str = "`plimsoll COMMAND --help` lists the options of a command.\n\
        A program called `adapter` is `plimsoll serve`, with prometheus-adapter's command line.";
    const AFTER_SERVE: &str = "Outside of a pod, name the cluster three times: --lister-kubeconfig, --authentication-kubeconfig \
        and --authorization-kubeconfig may be the same file.\n\
        The configuration, certificates and tokens are read again when they change. SIGTERM ends the server after the \
        requests in flight.\n\n\
        Exit code: 0 after SIGTERM, 1 it cannot start or go on, 2 the command line cannot be followed";
    let stray = Arg::new(compatibility::STRAY)
        .num_args(0..)
        .hide(true)
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(std::ffi::OsString));
    let serve = ServeFlags::augment_args(Command::new("serve"))
        // `--version` says the same at every place.
        .display_name("plimsoll")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serve the custom, external and resource metrics APIs of Kubernetes from Prometheus")
        .override_usage("plimsoll serve --config=FILE --prometheus-url=URL [OPTIONS]")
        .after_help(AFTER_SERVE)
        .args(compatibility::arguments())
        .arg(stray)
        .args_override_self(true)
        .mut_args(|argument| {
            let is_boolean = argument.get_value_names().is_some_and(|names| names[0] == "BOOL");
            if is_boolean {
                argument.num_args(0..=1).require_equals(true).default_missing_value("true")
            } else if argument.is_positional() || !argument.get_action().takes_values() {
                argument
            } else {
                // Like pflag: what follows a flag is its value, whatever it looks like.
                argument.allow_hyphen_values(true)
            }
        });
    Command::new("plimsoll")
        .about("Turns Prometheus metrics into Kubernetes autoscaling")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .override_usage("plimsoll COMMAND [OPTIONS]")
        .after_help(AFTER)
        .subcommand(serve)
        .subcommands(super::check::commands())
}

/// Checks what single flags cannot, and gives types.
pub(super) fn settings(
    flags: ServeFlags,
    matches: &ArgMatches,
    warnings: &mut Vec<String>,
) -> Result<ServeSettings, ArgumentsError> {
    let ServeFlags {
        config,
        prometheus: prometheus_flags,
        discovery: discovery_flags,
        kubernetes: kubernetes_flags,
        serving: serving_flags,
        authentication: authentication_flags,
        authorization: authorization_flags,
        logging: logging_flags,
    } = flags;
    let config = match (given(config), matches.get_one::<PathBuf>(compatibility::SHORT_CONFIG)) {
        (Some(config), None) => Some(config),
        (Some(config), Some(_)) => {
            warn(warnings, "-c has no effect beside --config");
            Some(config)
        }
        (None, Some(short)) => {
            warn(warnings, "-c is taken as --config, which is the only name in prometheus-adapter");
            given(Some(short.clone()))
        }
        (None, None) => None,
    };
    let Some(config) = config else {
        return Err(ArgumentsError::new("no configuration file is given")
            .with_fix("add --config=FILE; an empty file is accepted and serves no metrics"));
    };
    Ok(ServeSettings {
        config,
        prometheus: prometheus(prometheus_flags, matches, warnings)?,
        discovery: discovery(&discovery_flags, warnings),
        kubernetes: kubernetes(kubernetes_flags),
        serving: serving(serving_flags, warnings)?,
        authentication: authentication(authentication_flags),
        authorization: authorization(authorization_flags),
        logging: logging(logging_flags)?,
    })
}

/// An empty value counts as absent, as in Go.
fn given(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn warn(warnings: &mut Vec<String>, message: impl Into<String>) {
    warnings.push(message.into());
}

fn prometheus(
    flags: PrometheusFlags,
    matches: &ArgMatches,
    warnings: &mut Vec<String>,
) -> Result<PrometheusSettings, ArgumentsError> {
    let PrometheusFlags {
        prometheus_url,
        prometheus_verb,
        prometheus_header,
        prometheus_auth_incluster,
        prometheus_auth_config,
        prometheus_ca_file,
        prometheus_client_tls_cert_file,
        prometheus_client_tls_key_file,
        prometheus_token_file,
    } = flags;
    if matches.value_source("prometheus_url") == Some(ValueSource::DefaultValue) {
        let message = "--prometheus-url is not given, so Prometheus is looked for at https://localhost";
        warn(warnings, message);
    }
    let verb = match prometheus_verb.as_str() {
        "GET" => Verb::Get,
        "POST" => Verb::Post,
        other => {
            let upper = other.to_ascii_uppercase();
            let fix = if matches!(upper.as_str(), "GET" | "POST") {
                format!("write {upper}, in capitals")
            } else {
                "write GET or POST".to_owned()
            };
            return Err(
                ArgumentsError::value("--prometheus-verb", other, "it is neither GET nor POST").with_fix(fix)
            );
        }
    };
    let ca_file = given(prometheus_ca_file);
    let credentials = match (prometheus_auth_incluster, given(prometheus_auth_config)) {
        (false, None) => PrometheusCredentials::None,
        (true, None) => PrometheusCredentials::InCluster,
        (false, Some(path)) => PrometheusCredentials::Kubeconfig(path),
        (true, Some(path)) if ca_file.is_some() => {
            // Upstream ignores both as soon as there is a CA file.
            warn(
                warnings,
                "--prometheus-auth-incluster has no effect beside --prometheus-auth-config: remove one of them",
            );
            PrometheusCredentials::Kubeconfig(path)
        }
        (true, Some(_)) => {
            return Err(ArgumentsError::new(
                "--prometheus-auth-incluster and --prometheus-auth-config exclude each other",
            )
            .with_fix("keep the one whose credentials Prometheus accepts"));
        }
    };
    let combined = match &credentials {
        PrometheusCredentials::None => None,
        PrometheusCredentials::InCluster => Some("--prometheus-auth-incluster"),
        PrometheusCredentials::Kubeconfig(_) => Some("--prometheus-auth-config"),
    };
    if let Some(flag) = combined.filter(|_| ca_file.is_some()) {
        let message = format!(
            "{flag} works together with --prometheus-ca-file, beside which prometheus-adapter ignores it"
        );
        warn(warnings, message);
    }
    let certificate = given(prometheus_client_tls_cert_file);
    let key = given(prometheus_client_tls_key_file);
    let client_certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let flag = |cert: bool| {
                if cert { "--prometheus-client-tls-cert-file" } else { "--prometheus-client-tls-key-file" }
            };
            let (present, missing) = (flag(certificate.is_some()), flag(certificate.is_none()));
            warn(warnings, format!("{present} has no effect without {missing}"));
            None
        }
    };
    Ok(PrometheusSettings {
        url: prometheus_url,
        verb,
        headers: prometheus_header,
        credentials,
        ca_file,
        client_certificate,
        token_file: given(prometheus_token_file),
    })
}

fn discovery(flags: &DiscoveryFlags, warnings: &mut Vec<String>) -> DiscoverySettings {
    let DiscoveryFlags { metrics_relist_interval, metrics_max_age } = *flags;
    let relist_interval = metrics_relist_interval.max(SHORTEST_RELIST);
    if relist_interval != metrics_relist_interval {
        let message = "--metrics-relist-interval is taken as 1s, the shortest interval";
        warn(warnings, message);
    }
    let max_age = if metrics_max_age.is_zero() { relist_interval } else { metrics_max_age };
    DiscoverySettings { relist_interval, max_age }
}

fn kubernetes(flags: KubernetesFlags) -> KubernetesSettings {
    let KubernetesFlags { lister_kubeconfig } = flags;
    KubernetesSettings { kubeconfig: given(lister_kubeconfig) }
}

fn serving(flags: ServingFlags, warnings: &mut Vec<String>) -> Result<ServingSettings, ArgumentsError> {
    let ServingFlags {
        secure_port,
        bind_address,
        cert_dir,
        tls_cert_file,
        tls_private_key_file,
        tls_sni_cert_key,
        tls_cipher_suites,
        tls_min_version,
        disable_http2,
        disable_http2_serving,
        http2_max_streams_per_connection,
        permit_port_sharing,
    } = flags;
    let port = u16::try_from(secure_port).map_err(|_| {
        ArgumentsError::value("--secure-port", &secure_port.to_string(), "ports go from 0 to 65535")
            .with_fix("6443 is usual for a container")
    })?;
    let certificate = pair(tls_cert_file, tls_private_key_file)?;
    let minimum_version = match tls_min_version.as_str() {
        "VersionTLS12" | "" => MinVersion::Tls12,
        "VersionTLS13" => MinVersion::Tls13,
        "VersionTLS10" | "VersionTLS11" => {
            let message =
                format!("--tls-min-version={tls_min_version} is taken as VersionTLS12, the lowest there is");
            warn(warnings, message);
            MinVersion::Tls12
        }
        other => {
            return Err(ArgumentsError::value("--tls-min-version", other, "it is no version of TLS")
                .with_fix("write VersionTLS12 or VersionTLS13"));
        }
    };
    let streams = u32::try_from(http2_max_streams_per_connection).map_err(|_| {
        let text = http2_max_streams_per_connection.to_string();
        ArgumentsError::value("--http2-max-streams-per-connection", &text, "it is no number of streams")
            .with_fix("write 0 for the default, or a positive number")
    })?;
    Ok(ServingSettings {
        address: bind_address,
        port,
        certificate_directory: cert_dir,
        certificate,
        sni_certificates: tls_sni_cert_key,
        minimum_version,
        cipher_suites: cipher_suites(tls_cipher_suites, warnings)?,
        http2: !(disable_http2 || disable_http2_serving),
        http2_streams_per_connection: (streams > 0).then_some(streams),
        share_port: permit_port_sharing,
    })
}

fn pair(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<(PathBuf, PathBuf)>, ArgumentsError> {
    let lonely = |has: &str, path: &Path, needs: &str| {
        Err(ArgumentsError::new(format!("{has}={} is given without {needs}", path.display()))
            .with_fix(format!("add {needs}=FILE, or use --cert-dir")))
    };
    match (given(certificate), given(key)) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(path), None) => lonely("--tls-cert-file", &path, "--tls-private-key-file"),
        (None, Some(path)) => lonely("--tls-private-key-file", &path, "--tls-cert-file"),
    }
}

fn cipher_suites(lists: Vec<CommaList>, warnings: &mut Vec<String>) -> Result<CipherSuites, ArgumentsError> {
    let names = joined(lists);
    let suites =
        CipherSuites::parse(names.iter().map(String::as_str)).map_err(|UnknownCipherSuite(name)| {
            ArgumentsError::value("--tls-cipher-suites", &name, "there is no cipher suite of that name")
                .with_fix(format!("available are {}", CipherSuites::available().join(", ")))
        })?;
    if !suites.ignored().is_empty() {
        let message = format!(
            "--tls-cipher-suites: suites without forward secrecy or with CBC are not available and are ignored: {}",
            suites.ignored().join(", ")
        );
        warn(warnings, message);
    }
    if suites.only_tls13() {
        let message =
            "--tls-cipher-suites names no suite of TLS 1.2 that is available, so only TLS 1.3 is spoken";
        warn(warnings, message);
    }
    Ok(suites)
}

fn authentication(flags: AuthenticationFlags) -> AuthenticationSettings {
    let AuthenticationFlags {
        authentication_kubeconfig,
        authentication_token_webhook_cache_ttl,
        authentication_skip_lookup,
        authentication_tolerate_lookup_failure,
        client_ca_file,
        requestheader_client_ca_file,
        requestheader_allowed_names,
        requestheader_username_headers,
        requestheader_uid_headers,
        requestheader_group_headers,
        requestheader_extra_headers_prefix,
    } = flags;
    AuthenticationSettings {
        kubeconfig: given(authentication_kubeconfig),
        token_cache: authentication_token_webhook_cache_ttl,
        skip_lookup: authentication_skip_lookup,
        tolerate_lookup_failure: authentication_tolerate_lookup_failure,
        client_ca_file: given(client_ca_file),
        request_headers: RequestHeaders {
            client_ca_file: given(requestheader_client_ca_file),
            allowed_names: joined(requestheader_allowed_names),
            username_headers: joined(requestheader_username_headers),
            uid_headers: joined(requestheader_uid_headers),
            group_headers: joined(requestheader_group_headers),
            extra_header_prefixes: joined(requestheader_extra_headers_prefix),
        },
    }
}

fn authorization(flags: AuthorizationFlags) -> AuthorizationSettings {
    let AuthorizationFlags {
        authorization_kubeconfig,
        authorization_always_allow_paths,
        authorization_webhook_cache_authorized_ttl,
        authorization_webhook_cache_unauthorized_ttl,
    } = flags;
    AuthorizationSettings {
        kubeconfig: given(authorization_kubeconfig),
        always_allow_paths: joined(authorization_always_allow_paths),
        allowed_cache: authorization_webhook_cache_authorized_ttl,
        denied_cache: authorization_webhook_cache_unauthorized_ttl,
    }
}

fn logging(flags: LoggingFlags) -> Result<LoggingSettings, ArgumentsError> {
    let LoggingFlags { verbosity, log_format } = flags;
    let verbosity = i32::try_from(verbosity).map_err(|_| {
        ArgumentsError::value("--v", &verbosity.to_string(), "it is out of range")
            .with_fix("levels go from 0 to 10")
    })?;
    Ok(LoggingSettings { verbosity, format: log_format })
}

fn joined(lists: Vec<CommaList>) -> Vec<String> {
    lists.into_iter().flat_map(|CommaList(values)| values).collect()
}
