namespace Lean.Engine.Weights;

/// <summary>Asks the generator for <c>static T Bind(IWeightBinder binder, string prefix, ModelConfig config)</c>.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class WeightSetAttribute : Attribute;
