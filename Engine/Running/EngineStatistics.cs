using Lean.Engine.Caches;

namespace Lean.Engine.Running;

/// <summary>What an engine has done so far.</summary>
/// <param name="Steps">Steps.</param>
/// <param name="PromptSteps">Steps that computed prompt rows.</param>
/// <param name="PromptRows">Prompt rows.</param>
/// <param name="GeneratedRows">Generated rows, replayed ones among them.</param>
/// <param name="Preemptions">How often a sequence had to give its blocks back.</param>
/// <param name="Cache">How the prefix cache did.</param>
internal readonly record struct EngineStatistics(
    long Steps, long PromptSteps, long PromptRows, long GeneratedRows, long Preemptions, CacheStatistics Cache);
