#include "service/server/health_report.h"

#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"

namespace restate {

void HealthReport::Report(bool taking_writes) {
  MutexLock lock(&mutex_);
  if (taking_writes == taking_writes_) return;
  taking_writes_ = taking_writes;
  Tell();
}

void HealthReport::Start(grpc::HealthCheckServiceInterface* service) {
  MutexLock lock(&mutex_);
  service_ = service;
  Tell();
  // Whoever looks after the server is served also when it takes no writes.
  service->SetServingStatus(v1::AdminService::service_full_name(), true);
}

void HealthReport::Stop() {
  MutexLock lock(&mutex_);
  if (service_ != nullptr) service_->Shutdown();
  service_ = nullptr;
}

void HealthReport::Tell() {
  if (service_ == nullptr) return;
  service_->SetServingStatus(taking_writes_);
  for (const char* name : {v1::StateService::service_full_name(),
                           v1::EventService::service_full_name(),
                           v1::DerivationService::service_full_name()}) {
    service_->SetServingStatus(name, taking_writes_);
  }
}

}  // namespace restate
