//! Development only: the real parts of a cluster, started for tests and demonstrations.
//!
//! [`sandbox`] gives a program its own network and process namespace; in it
//! [`cluster::Cluster`] starts etcd, kube-apiserver, kube-controller-manager and Prometheus,
//! [`node`] runs pods as processes, [`targets`] tells Prometheus of them, and
//! [`adapter`] runs `plimsoll serve` behind real APIServices. Nothing in here decides how many
//! replicas there should be: that is the real controller's work. [`fakes`] stand in for Prometheus
//! and the API server where a test wants them to do something that the real ones rarely do.
//!
//! **Invariant:** nothing started here outlives the program that started it, however that program ends.

pub mod adapter;
pub mod apiservice;
pub mod app;
pub mod audit;
pub mod certificates;
pub mod cluster;
pub mod controlplane;
pub mod fakes;
pub mod harness;
pub mod kubeconfig;
pub mod kubectl;
pub mod node;
pub mod part;
pub mod prometheus;
pub mod rest;
pub mod sandbox;
pub mod targets;
pub mod wait;
pub mod web;
