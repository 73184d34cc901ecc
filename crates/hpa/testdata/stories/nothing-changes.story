# A turn that finds all as it was writes nothing and says nothing.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  external metric load value 100

pods: 3 ready
load is 100

at 0s
  -> stays at 3
  -> targets "100/100"
at 15s every 15s until 2m
  -> stays at 3
  -> no events
  -> no status write
  -> no error
