# A value beyond what 32 bits hold empties the target, as it does in Kubernetes.
kubernetes 1.37

hpa web: 1 to 40 replicas of Deployment/web
  object metric backlog of Service/queue average value 1m

pods: 3 ready

at 0s
  backlog is 9000000000
  -> stays at 3
