# The target cannot be read, says no selector, or shares its pods with another HPA.
kubernetes 1.37

hpa web in shop: 1 to 40 replicas of Deployment/web
  external metric load average value 10
other hpa web-too selects app=web

pods: 4 ready
load is 40

at 0s
  -> cannot decide
at 15s
  selector ""
  -> cannot decide
at 30s
  scale read fails "deployments.apps \"web\" not found"
  -> cannot decide
