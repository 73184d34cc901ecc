# A queue worker that goes to zero when there is nothing to do, and comes back with the first jobs. The condition
# ScaledToZero tells that it was the controller who did it.
kubernetes 1.37

hpa worker: 0 to 10 replicas of Deployment/worker
  external metric jobs average value 5
  scale down: window 0s

pods: 2 ready

at 0s
  jobs is 0
  -> scales 2 to 0: "All metrics below target"
  -> condition ScaledToZero True ScaledToZero "the HPA controller scaled the workload to zero"
at 15s
  pods: none
  -> stays at 0
  -> metric calls 1
  -> condition ScalingActive True ValidMetricFound
at 30s
  jobs is 12
  -> scales 0 to 3: "external metric jobs(nil) above target"
  -> condition ScaledToZero False NotScaledToZero "the HPA controller did not scale the workload to zero"
