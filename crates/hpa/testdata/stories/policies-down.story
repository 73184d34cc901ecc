# A tenth of the pods each minute, cut down to whole pods; the minimum ends it.
kubernetes 1.37

hpa web: 15 to 50 replicas of Deployment/web
  external metric load average value 1
  scale down: window 0s, 10% per 1m

pods: 20 ready

at 0s
  load is 1
  -> scales 20 to 18: "All metrics below target"
  -> condition ScalingLimited True ScaleDownLimit
at 30s
  pods: 18 ready
  -> stays at 18
at 1m
  -> scales 18 to 16
at 2m
  pods: 16 ready
  -> scales 16 to 15
  -> condition ScalingLimited True TooFewReplicas "the desired replica count is less than the minimum replica count"
