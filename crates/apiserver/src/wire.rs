//! Protobuf messages of `k8s.io/apimachinery` for discovery, and the envelope of all, written by hand.
//!
//! Only the members this server sets are here. Messages of the metrics groups live beside their groups.
//!
//! **Invariant:** tags are those of `meta/v1/generated.proto` and `runtime/generated.proto`.

use prost::Message;

use crate::protobuf;

/// The four bytes before every Kubernetes protobuf body.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// `meta/v1.APIGroupList`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiGroupList {
    #[prost(message, repeated, tag = "1")]
    pub groups: Vec<ApiGroup>,
}

/// `meta/v1.APIGroup`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiGroup {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub versions: Vec<GroupVersionForDiscovery>,
    #[prost(message, optional, tag = "3")]
    pub preferred_version: Option<GroupVersionForDiscovery>,
    #[prost(message, repeated, tag = "4")]
    pub server_address_by_client_cidrs: Vec<ServerAddressByClientCidr>,
}

/// `meta/v1.GroupVersionForDiscovery`.
#[derive(Clone, PartialEq, Message)]
pub struct GroupVersionForDiscovery {
    #[prost(string, tag = "1")]
    pub group_version: String,
    #[prost(string, tag = "2")]
    pub version: String,
}

/// `meta/v1.ServerAddressByClientCIDR`.
#[derive(Clone, PartialEq, Message)]
pub struct ServerAddressByClientCidr {
    #[prost(string, tag = "1")]
    pub client_cidr: String,
    #[prost(string, tag = "2")]
    pub server_address: String,
}

/// `meta/v1.APIResourceList`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiResourceList {
    #[prost(string, tag = "1")]
    pub group_version: String,
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<ApiResource>,
}

/// `meta/v1.APIResource`.
#[derive(Clone, PartialEq, Message)]
pub struct ApiResource {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(bool, tag = "2")]
    pub namespaced: bool,
    #[prost(string, tag = "3")]
    pub kind: String,
    #[prost(message, optional, tag = "4")]
    pub verbs: Option<Verbs>,
    #[prost(string, tag = "6")]
    pub singular_name: String,
}

/// `meta/v1.Verbs`.
#[derive(Clone, PartialEq, Message)]
pub struct Verbs {
    #[prost(string, repeated, tag = "1")]
    pub items: Vec<String>,
}

/// Puts `message` (encoded bytes of the named type) into the envelope every client of Kubernetes expects.
pub fn envelope(api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let mut unknown = protobuf::Message::default();
    unknown.message(1, |meta| {
        meta.string(1, api_version).string(2, kind);
    });
    unknown.bytes(2, message).string(3, "").string(4, "");
    [MAGIC.as_slice(), &unknown.into_bytes()].concat()
}
