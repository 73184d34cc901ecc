//! One container of a pod: a process with the pod's address in its environment.
//!
//! **Invariant:** dropping a [`Running`] kills its process group.

use std::{collections::BTreeMap, ffi::OsString, fs::File, net::Ipv4Addr, process::Stdio};

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt as _;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::Settings;

/// Why a container did not start; the message of its `waiting` state.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    /// There is no image to take a command from.
    #[error(
        "container {0} names no command, and this node has no images; set `command` to a program of this machine"
    )]
    NoCommand(String),
    /// Its log cannot be written.
    #[error("the log of container {container} cannot be opened")]
    Log { container: String, source: std::io::Error },
    /// The operating system refused.
    #[error("cannot start `{program}` for container {container}")]
    Spawn { container: String, program: String, source: std::io::Error },
}

/// A container's process.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    /// Starts `container` of `pod` on `address`.
    pub(super) fn start(
        settings: &Settings,
        pod: &Pod,
        container: &Container,
        address: Ipv4Addr,
    ) -> Result<Self, StartError> {
        let environment = environment(pod, container, address);
        let words = container.command.iter().chain(&container.args).flatten();
        let mut words = words.map(|word| expand(word, &environment));
        let program = words.next().ok_or_else(|| StartError::NoCommand(container.name.clone()))?;
        let mut line: Vec<OsString> =
            settings.programs.get(&program).cloned().unwrap_or_else(|| vec![program.clone().into()]);
        line.extend(words.map(OsString::from));

        let file =
            format!("{}_{}_{}.log", pod.namespace().unwrap_or_default(), pod.name_any(), container.name);
        let log = File::options()
            .create(true)
            .append(true)
            .open(settings.logs.join(file))
            .and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) =
            log.map_err(|source| StartError::Log { container: container.name.clone(), source })?;
        let child = Command::new(&line[0])
            .args(&line[1..])
            .envs(&environment)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|source| StartError::Spawn { container: container.name.clone(), program, source })?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    /// Waits until the process ends; its exit code, or 128 and the signal's number.
    pub(super) async fn ended(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        match self.child.wait().await {
            Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            Err(_) => 255,
        }
    }

    /// Asks the process to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// A group that is already gone is no error.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            kill_process_group(group, signal).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// `env` with the fields of the downward API that a process can know here, and always `POD_IP`.
fn environment(pod: &Pod, container: &Container, address: Ipv4Addr) -> BTreeMap<String, String> {
    let mut known = BTreeMap::from([("POD_IP".to_owned(), address.to_string())]);
    for variable in container.env.iter().flatten() {
        let field = variable.value_from.as_ref().and_then(|from| from.field_ref.as_ref());
        let value = match field.map(|field| field.field_path.as_str()) {
            None => expand(variable.value.as_deref().unwrap_or_default(), &known),
            Some("status.podIP" | "status.podIPs") => address.to_string(),
            Some("metadata.name") => pod.name_any(),
            Some("metadata.namespace") => pod.namespace().unwrap_or_default(),
            Some("metadata.uid") => pod.uid().unwrap_or_default(),
            Some(_) => continue,
        };
        known.insert(variable.name.clone(), value);
    }
    known
}

/// Replaces `$(NAME)` by the variable's value, `$$` by `$`; an unknown name stays as it is
/// (kubernetes `third_party/forked/golang/expansion`).
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest.strip_prefix("$(").and_then(|inner| inner.split_once(')'));
        if let Some(tail) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = tail;
        } else if let Some((name, tail)) = reference {
            match variables.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&rest[..name.len() + 3]),
            }
            rest = tail;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_expanded_as_kubernetes_does() {
        let variables = BTreeMap::from([("POD_IP".to_owned(), "10.244.0.7".to_owned())]);
        for (text, expanded) in [
            ("--listen=$(POD_IP):8080", "--listen=10.244.0.7:8080"),
            ("$(OTHER)", "$(OTHER)"),
            ("$$(POD_IP)", "$(POD_IP)"),
            ("$(POD_IP", "$(POD_IP"),
            ("5$", "5$"),
            ("", ""),
        ] {
            assert_eq!(expand(text, &variables), expanded, "{text}");
        }
    }
}
