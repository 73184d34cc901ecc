# Up to 1.35 there was no condition for it: with minReplicas 0 a target at zero was always scaled by its metrics,
# whoever had brought it there.
kubernetes 1.35

hpa worker: 0 to 10 replicas of Deployment/worker
  external metric jobs average value 5

pods: none

at 0s
  jobs is 12
  -> scales 0 to 3: "external metric jobs(nil) above target"
  -> condition ScalingActive True ValidMetricFound
