# Without behavior a turn doubles the size at most. An earlier recommendation makes the target grow even though the load
# is gone.
kubernetes 1.37

hpa worker: 1 to 50 replicas of Deployment/worker
  external metric jobs average value 1

pods: 3 ready

at 0s
  jobs is 20
  -> scales 3 to 6
at 15s
  pods: 6 ready
  jobs is 2
  -> scales 6 to 12
