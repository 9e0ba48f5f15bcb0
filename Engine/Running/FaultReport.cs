using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Says in a sentence what a <see cref="Fault"/> was, and which weight is to blame for it, if one is.</summary>
internal static class FaultReport
{
    /// <summary>The sentence.</summary>
    public static string Describe(LoadedModel model, Fault fault) => Describe(model, fault, model.BadWeight(fault.Place));

    /// <summary>The error that a request ends in.</summary>
    /// <param name="model">The model.</param>
    /// <param name="subject">Whose fault it is, such as "prompt 2 of 3".</param>
    /// <param name="fault">The fault.</param>
    /// <returns>Bad input where a weight is NaN or infinite, else the machine's failure: the numbers went beyond f32.</returns>
    public static LeanException Error(LoadedModel model, string subject, Fault fault)
    {
        string? weight = model.BadWeight(fault.Place);
        string message = $"{subject} ended in an error: {Describe(model, fault, weight)}";
        return weight is null ? new MachineException(message) : new InputException(message);
    }

    private static string Describe(LoadedModel model, Fault fault, string? weight) =>
        $"in step {fault.Step}, at position {fault.Position}, numbers are not finite, first in {FaultPlace.Name(fault.Place, model.Model.Config)} ("
        + (weight ?? "whose weights are finite") + ")";
}
