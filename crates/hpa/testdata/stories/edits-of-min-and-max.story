# A size outside of minReplicas and maxReplicas is put right at once: no metric is asked, no window and no policy is
# in the way.
kubernetes 1.37

hpa web: 2 to 10 replicas of Deployment/web
  external metric load average value 10
  scale up: 1 pod per 1m

pods: 3 ready
load is 30

at 0s
  -> stays at 3
  -> observed generation 1
at 15s
  hpa edited: 5 to 10 replicas
  -> scales 3 to 5: "Current number of replicas below Spec.MinReplicas"
  -> metric calls 0
  -> observed generation 2
  -> event Normal SuccessfulRescale "New size: 5; reason: Current number of replicas below Spec.MinReplicas"
at 30s
  hpa edited: 1 to 4 replicas
  pods: 5 ready
  -> scales 5 to 4: "Current number of replicas above Spec.MaxReplicas"
  -> metric calls 0
  -> observed generation 3

# Metrics count again: 80 for each of 4 would be 32 pods.
at 45s
  pods: 4 ready
  load is 320
  -> stays at 4
  -> condition ScalingLimited True TooManyReplicas "the desired replica count is more than the maximum replica count"
