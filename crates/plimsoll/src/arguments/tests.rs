//! Command lines, from the recorded ones to mistakes people make.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_adapter::prometheus::Verb;
use plimsoll_apiserver::tls::CipherSuites;
use serde_json::Value;

use super::*;

fn read_line(arguments: &[&str]) -> Result<Invocation, ArgumentsError> {
    read(arguments.iter().map(OsString::from))
}

/// The settings and warnings of `plimsoll serve --config=c --prometheus-url=http://p` with `arguments`.
fn serve(arguments: &[&str]) -> Result<(ServeSettings, Vec<String>), String> {
    let line = [&["plimsoll", "serve", "--config=c", "--prometheus-url=http://p"], arguments].concat();
    match read_line(&line) {
        Ok(Invocation::Serve { settings, warnings }) => Ok((*settings, warnings)),
        Ok(Invocation::Print(text)) => Err(text),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

#[track_caller]
fn accepted(arguments: &[&str]) -> ServeSettings {
    let (settings, warnings) = serve(arguments).unwrap();
    assert_eq!(warnings, Vec::<String>::new(), "{arguments:?} warns");
    settings
}

#[track_caller]
fn warned(arguments: &[&str], warning: &str) -> ServeSettings {
    let (settings, warnings) = serve(arguments).unwrap();
    assert_eq!(warnings, [warning], "{arguments:?}");
    settings
}

#[track_caller]
fn refused(arguments: &[&str], message: &str) {
    assert_eq!(serve(arguments).map(|_| ()), Err(message.to_owned()), "{arguments:?}");
}

#[test]
fn defaults_are_those_of_the_original() {
    let settings = accepted(&[]);
    assert_eq!(settings.config, PathBuf::from("c"));
    assert_eq!(settings.prometheus.verb, Verb::Get);
    assert_eq!(settings.discovery.relist_interval, Duration::from_secs(600));
    assert_eq!(settings.discovery.max_age, Duration::from_secs(600));
    assert_eq!(settings.serving.port, 443);
    assert_eq!(settings.serving.address.to_string(), "0.0.0.0");
    assert_eq!(settings.serving.certificate_directory, Path::new("apiserver.local.config/certificates"));
    assert_eq!(settings.serving.cipher_suites, CipherSuites::default());
    assert!(settings.serving.http2 && !settings.serving.share_port);
    assert_eq!(settings.authentication.token_cache, Duration::from_secs(10));
    assert!(!settings.authentication.tolerate_lookup_failure);
    assert_eq!(settings.authentication.request_headers.username_headers, ["x-remote-user"]);
    assert_eq!(settings.authentication.request_headers.group_headers, ["x-remote-group"]);
    assert_eq!(settings.authentication.request_headers.extra_header_prefixes, ["x-remote-extra-"]);
    assert_eq!(settings.authorization.always_allow_paths, ["/healthz", "/readyz", "/livez"]);
    assert_eq!(settings.logging.verbosity, 0);
}

#[test]
fn a_value_may_follow_its_flag_in_either_form() {
    assert_eq!(accepted(&["--secure-port=6443"]).serving.port, 6443);
    assert_eq!(accepted(&["--secure-port", "6443"]).serving.port, 6443);
    for verbosity in [&["-v=4"][..], &["-v", "4"], &["-v4"], &["--v=4"], &["--v", "4"]] {
        assert_eq!(accepted(verbosity).logging.verbosity, 4, "{verbosity:?}");
    }
    assert_eq!(accepted(&["--v", "-1"]).logging.verbosity, -1);
}

#[test]
fn flags_without_effect_are_accepted_and_say_so() {
    warned(&["--vmodule=client=8"], "--vmodule has no effect: -v holds for all of them");
    warned(
        &["--client-qps", "500"],
        "--client-qps has no effect: resource types and objects are followed as they change, not asked for with each \
         request",
    );
    warned(&["--profiling=false"], "--profiling has no effect: this server has no such part");
}

#[test]
fn a_boolean_stands_alone_or_takes_a_value_behind_an_equals_sign() {
    assert!(!accepted(&["--disable-http2"]).serving.http2);
    assert!(accepted(&["--disable-http2=false"]).serving.http2);
    assert!(!accepted(&["--disable-http2=T"]).serving.http2);
    let settings = warned(
        &["--disable-http2", "false"],
        "\"false\" has no effect: it belongs to no flag, and a boolean is written --flag=false",
    );
    assert!(!settings.serving.http2);
}

#[test]
fn the_last_of_several_values_counts() {
    assert_eq!(accepted(&["--secure-port=1", "--secure-port=2"]).serving.port, 2);
    assert!(accepted(&["--disable-http2", "--disable-http2=false"]).serving.http2);
}

#[test]
fn lists_are_split_at_commas_and_add_up() {
    let lists =
        ["--authorization-always-allow-paths=/a,/b", "--authorization-always-allow-paths=\"/c,d\",/e"];
    let settings = accepted(&lists);
    assert_eq!(settings.authorization.always_allow_paths, ["/a", "/b", "/c,d", "/e"]);
    let none = accepted(&["--authorization-always-allow-paths="]);
    assert_eq!(none.authorization.always_allow_paths, Vec::<String>::new());
}

#[test]
fn headers_are_split_at_the_first_equals_sign_only() {
    let settings =
        accepted(&["--prometheus-header=X=a=b,c", "--prometheus-header", "X=d", "--prometheus-header=Y"]);
    let headers: Vec<(&str, &str)> =
        settings.prometheus.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("X", "a=b,c"), ("X", "d"), ("Y", "")]);
}

#[test]
fn certificates_for_names_may_be_given_several_times() {
    let flags = ["--tls-sni-cert-key=a.crt,a.key", "--tls-sni-cert-key=b.crt, b.key:*.x.org,y.org"];
    let certificates = accepted(&flags).serving.sni_certificates;
    assert_eq!(certificates[0].names, Vec::<String>::new());
    assert_eq!(certificates[1].key, Path::new("b.key"));
    assert_eq!(certificates[1].names, ["*.x.org", "y.org"]);
    for wrong in ["", "a.crt", "a.crt,", ",a.key", "a,b,c", "a.crt,a.key:"] {
        assert!(value::sni_certificate(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_program_or_first_argument_called_adapter_serves() {
    for line in [
        &["/adapter", "--config=c", "--prometheus-url=http://p"][..],
        &["adapter", "/adapter", "--config=c", "--prometheus-url=http://p"],
        &["adapter", "serve", "--config=c", "--prometheus-url=http://p"],
        &["/plimsoll", "/adapter", "--config=c", "--prometheus-url=http://p"],
        &["plimsoll", "serve", "/adapter", "--config=c", "--prometheus-url=http://p"],
    ] {
        match read_line(line) {
            Ok(Invocation::Serve { settings, warnings }) => {
                assert_eq!(settings.config, Path::new("c"), "{line:?}");
                assert_eq!(warnings, Vec::<String>::new(), "{line:?}");
            }
            other => panic!("{line:?} gives {other:?}"),
        }
    }
}

#[test]
fn what_belongs_to_no_flag_is_ignored_with_a_warning() {
    warned(&["foo", "--v=2"], "\"foo\" has no effect: it belongs to no flag");
    warned(&["--", "--nope"], "\"--nope\" has no effect: it belongs to no flag");
}

#[test]
fn old_flags_of_klog_are_accepted_with_a_warning() {
    warned(&["--logtostderr=true"], "--logtostderr has no effect: logs go to standard error");
    warned(&["--logtostderr"], "--logtostderr has no effect: logs go to standard error");
    warned(&["--stderrthreshold", "ERROR"], "--stderrthreshold has no effect: logs go to standard error");
    warned(&["--log_dir=/tmp"], "--log-dir has no effect: logs go to standard error");
    warned(
        &["--audit-log-path=-"],
        "--audit-log-path has no effect: audit is not implemented; the API server that forwards the requests can \
         audit them",
    );
}

#[test]
fn the_short_name_of_the_configuration_is_accepted_with_a_warning() {
    let line = ["plimsoll", "serve", "-c", "/etc/adapter/config.yaml", "--prometheus-url=http://p"];
    let Ok(Invocation::Serve { settings, warnings }) = read_line(&line) else {
        panic!("{line:?} is refused")
    };
    assert_eq!(settings.config, Path::new("/etc/adapter/config.yaml"));
    assert_eq!(warnings[0], "-c is taken as --config, which is the only name in prometheus-adapter");
}

#[test]
fn cipher_suites_that_do_not_exist_here_are_ignored_by_name() {
    let suites = "--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA,\
                  TLS_AES_128_GCM_SHA256";
    let settings = warned(
        &[suites],
        "--tls-cipher-suites: suites without forward secrecy or with CBC are not available and are ignored: \
         TLS_RSA_WITH_AES_128_CBC_SHA",
    );
    assert!(!settings.serving.cipher_suites.only_tls13());
    let (settings, warnings) = serve(&["--tls-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA"]).unwrap();
    assert_eq!(
        warnings[1],
        "--tls-cipher-suites names no suite of TLS 1.2 that is available, so only TLS 1.3 is spoken"
    );
    assert!(settings.serving.cipher_suites.only_tls13());
}

#[test]
fn durations_are_read_as_in_go() {
    let settings = accepted(&["--metrics-relist-interval=1m30.5s", "--metrics-max-age", "1h"]);
    assert_eq!(settings.discovery.relist_interval, Duration::from_millis(90_500));
    assert_eq!(settings.discovery.max_age, Duration::from_secs(3600));
    let settings = warned(
        &["--metrics-relist-interval=0"],
        "--metrics-relist-interval is taken as 1s, the shortest interval",
    );
    assert_eq!(settings.discovery.relist_interval, Duration::from_secs(1));
}

#[test]
fn a_maximum_age_below_the_interval_is_a_contradiction_once_there_are_rules() {
    let contradiction = |arguments: &[&str]| accepted(arguments).discovery.contradiction();
    assert_eq!(contradiction(&["--metrics-max-age=10m"]), None);
    assert_eq!(
        contradiction(&["--metrics-max-age=1m"]).unwrap(),
        "--metrics-max-age (1m0s) must not be less than --metrics-relist-interval (10m0s): series would be forgotten \
         between two looks at Prometheus"
    );
}

#[test]
fn credentials_that_exclude_each_other_are_refused() {
    refused(
        &["--prometheus-auth-incluster", "--prometheus-auth-config=k"],
        "--prometheus-auth-incluster and --prometheus-auth-config exclude each other\n  \
         fix: keep the one whose credentials Prometheus accepts",
    );
    // The original ignores both beside a CA file, so manifests with all three exist.
    let flags = ["--prometheus-auth-incluster", "--prometheus-auth-config=k", "--prometheus-ca-file=ca"];
    let (settings, warnings) = serve(&flags).unwrap();
    assert_eq!(
        warnings,
        [
            "--prometheus-auth-incluster has no effect beside --prometheus-auth-config: remove one of them",
            "--prometheus-auth-config works together with --prometheus-ca-file, beside which prometheus-adapter \
             ignores it",
        ]
    );
    assert_eq!(settings.prometheus.credentials, PrometheusCredentials::Kubeconfig("k".into()));
    warned(
        &["--prometheus-client-tls-cert-file=c"],
        "--prometheus-client-tls-cert-file has no effect without --prometheus-client-tls-key-file",
    );
}

#[test]
fn mistakes_are_answered_with_advice() {
    refused(&["--nope"], "there is no flag --nope\n  fix: `plimsoll serve --help` lists the flags");
    refused(
        &["--prometheus-ur=x"],
        "there is no flag --prometheus-ur\n  fix: did you mean --prometheus-url?",
    );
    refused(
        &["--prometheus_url=x"],
        "there is no flag --prometheus_url\n  fix: did you mean --prometheus-url?",
    );
    refused(
        &["--prometheus.url=x"],
        "there is no flag --prometheus.url\n  fix: did you mean --prometheus-url?",
    );
    refused(&["-secure-port=1"], "there is no flag -secure-port\n  fix: write two dashes: --secure-port");
    refused(
        &["--config.file=x"],
        "there is no flag --config.file\n  fix: the configuration file is given with --config=FILE",
    );
    refused(
        &["--enable-external-metrics"],
        "there is no flag --enable-external-metrics\n  \
         fix: remove it: external metrics are served as soon as the configuration has externalRules",
    );
    refused(&["--secure-port"], "--secure-port needs a value\n  fix: write --secure-port=<PORT>");
    refused(
        &["--secure-port=abc"],
        "--secure-port=abc cannot be followed: it is no whole number\n  fix: write digits only",
    );
    refused(
        &["--secure-port=70000"],
        "--secure-port=70000 cannot be followed: ports go from 0 to 65535\n  \
         fix: 6443 is usual for a container",
    );
    refused(
        &["--metrics-relist-interval=5"],
        "--metrics-relist-interval=5 cannot be followed: a duration needs a unit\n  \
         fix: write 5s for seconds or 5m for minutes",
    );
    refused(
        &["--metrics-relist-interval=1d"],
        "--metrics-relist-interval=1d cannot be followed: \"d\" is no unit of a duration\n  \
         fix: the units are h, m, s, ms, us and ns, as in 1h30m",
    );
    refused(
        &["--disable-http2=maybe"],
        "--disable-http2=maybe cannot be followed: it is neither true nor false\n  fix: write true or false",
    );
    refused(
        &["--prometheus-verb=get"],
        "--prometheus-verb=get cannot be followed: it is neither GET nor POST\n  fix: write GET, in capitals",
    );
    refused(
        &["--prometheus-url=prometheus:9090"],
        "--prometheus-url=prometheus:9090 cannot be followed: a URL must begin with http:// or https://\n  \
         fix: write http://prometheus:9090",
    );
    refused(
        &["--tls-cipher-suites=NOPE"],
        "--tls-cipher-suites=NOPE cannot be followed: there is no cipher suite of that name\n  \
         fix: available are TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, \
         TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, \
         TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    );
    refused(
        &["--tls-cert-file=a"],
        "--tls-cert-file=a is given without --tls-private-key-file\n  \
         fix: add --tls-private-key-file=FILE, or use --cert-dir",
    );
    refused(
        &["--log-format=xml"],
        "--log-format=xml cannot be followed: it is none of the possible values\n  fix: write text or json",
    );
    let missing = read_line(&["plimsoll", "serve", "--prometheus-url=http://p"]).unwrap_err();
    assert_eq!(missing.message, "no configuration file is given");
    assert_eq!(missing.exit_code, 2);
    let command = read_line(&["plimsoll", "sreve"]).unwrap_err();
    assert_eq!(command.to_string(), "there is no command \"sreve\"\n  fix: did you mean `plimsoll serve`?");
}

#[test]
fn help_and_version_are_commands_as_well() {
    for (line, begins) in [
        (&["plimsoll", "help"][..], "Turns Prometheus metrics"),
        (&["plimsoll", "help", "check"], "Check a configuration"),
        (&["plimsoll", "help", "promql", "eval"], "Evaluate a query"),
        (&["plimsoll", "version"], concat!("plimsoll ", env!("CARGO_PKG_VERSION"))),
    ] {
        match read_line(line) {
            Ok(Invocation::Print(text)) => assert!(text.starts_with(begins), "{line:?} prints {text}"),
            other => panic!("{line:?} is {other:?}"),
        }
    }
}

#[test]
fn what_stands_at_the_wrong_place_is_told_the_right_one() {
    for (line, told) in [
        (
            &["plimsoll", "--config=c.yaml"][..],
            "there is no flag --config\n  fix: flags stand behind the command, as in `plimsoll serve --config`",
        ),
        (&["plimsoll", "--nope"], "there is no flag --nope\n  fix: `plimsoll --help` lists the commands"),
        (
            &["plimsoll", "check", "c.yaml"],
            "\"c.yaml\" belongs to no flag\n  fix: the file is given with --config: plimsoll check --config=c.yaml",
        ),
        (
            &["plimsoll", "promql", "check", "sum", "(up)"],
            "\"(up)\" belongs to no flag\n  fix: a query is one argument, so put it into quotes: plimsoll promql check 'QUERY'",
        ),
        (
            &["plimsoll", "promql", "check", "-1"],
            "there is no flag -1\n  fix: a query that begins with a minus stands behind two of them: plimsoll promql check \
             [OPTIONS] -- QUERY",
        ),
    ] {
        let refused = read_line(line).unwrap_err();
        assert_eq!((refused.to_string().as_str(), refused.exit_code), (told, 2), "{line:?}");
    }
}

#[test]
fn secrets_in_refused_values_are_not_repeated() {
    refused(
        &["--prometheus-header=bad name=s3cret"],
        "--prometheus-header=... cannot be followed: the part before = is no name of a header\n  \
         fix: write NAME=VALUE, as in X-Scope-OrgID=team",
    );
    refused(
        &["--prometheus-url=ftp://me:s3cret@host/?token=s3cret"],
        "--prometheus-url=ftp://host/ cannot be followed: a URL must begin with http:// or https://\n  \
         fix: write http://HOST:PORT",
    );
    let settings =
        accepted(&["--prometheus-header=Authorization=s3cret", "--prometheus-url=http://me:s3cret@host"]);
    assert!(!format!("{settings:?}").contains("s3cret"), "{settings:?}");
}

#[test]
fn help_and_version_are_printed() {
    assert_eq!(
        read_line(&["plimsoll", "--version"]),
        Ok(Invocation::Print(format!("plimsoll {}\n", env!("CARGO_PKG_VERSION"))))
    );
    assert_eq!(read_line(&["plimsoll", "serve", "--version"]), read_line(&["plimsoll", "--version"]));
    let Ok(Invocation::Print(help)) = read_line(&["plimsoll", "serve", "--help"]) else { panic!("no help") };
    for heading in [
        "Prometheus:",
        "Discovery:",
        "Kubernetes:",
        "Serving:",
        "Authentication:",
        "Authorization:",
        "Logging:",
    ] {
        assert!(help.contains(heading), "{heading} is missing in\n{help}");
    }
    assert_eq!(read_line(&["plimsoll"]).unwrap_err().exit_code, 2);
}

#[test]
fn each_flag_of_ours_exists() {
    let page = reference();
    for flag in flags::OURS {
        assert!(page.contains(&format!("`--{flag}=")), "--{flag} is not on the page");
    }
}

/// Writes the pages instead when `PLIMSOLL_WRITE_REFERENCE` is set.
#[test]
fn the_reference_pages_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (name, wanted) in
        [("serve.md", reference()), ("check.md", check_reference()), ("promql.md", promql_reference())]
    {
        let path = folder.join(name);
        if std::env::var_os("PLIMSOLL_WRITE_REFERENCE").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(page, wanted, "run this test with PLIMSOLL_WRITE_REFERENCE=1 to rewrite {name}");
    }
}

/// Recorded failures that need the file system to be seen, so that reading the command line succeeds.
const LATER: [&str; 3] = ["fatal-config-dir", "fatal-flag-13", "fatal-flag-14"];

#[test]
fn recorded_command_lines_are_followed_or_refused_as_in_the_original() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/adapter/adapter_cases.jsonl");
    if !path.exists() {
        println!("skipped: recorded cases are not here");
        return;
    }
    let mut seen = 0;
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(flags) = case["flags"].as_array() else { continue };
        let id = case["id"].as_str().unwrap();
        let flags = flags.iter().map(|flag| {
            let flag = flag.as_str().unwrap().replace("${PROMHOST}", "127.0.0.1:9090");
            flag.replace("${PROM}", "http://127.0.0.1:9090").replace("${DIR}", "/dir")
        });
        let line: Vec<String> = ["plimsoll", "serve", "--config=c", "--prometheus-url=http://p"]
            .into_iter()
            .map(str::to_owned)
            .chain(flags)
            .collect();
        let result = read(line.iter().map(OsString::from));
        let refused = case.get("fatal").is_some() && !LATER.contains(&id) && case.get("deviate").is_none();
        match result {
            Err(error) => assert!(refused, "{id} is refused: {error}"),
            Ok(_) => assert!(!refused, "{id} is accepted: {line:?}"),
        }
        seen += 1;
    }
    assert!(seen > 30, "only {seen} recorded command lines were compared");
}
