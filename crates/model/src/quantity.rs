//! Kubernetes quantities printed from integers, in the canonical form of
//! `k8s.io/apimachinery/pkg/api/resource`.
