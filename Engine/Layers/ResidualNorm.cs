using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Adds what one half of a layer computed to the residual stream and norms that for the next half. Where ranks computed it in
/// parts and their devices can, the parts are summed in the same launch: see <see cref="Peers.TryLeave"/>; and so where a product or
/// experts left rows in parts: see <see cref="Addend"/>.
/// </summary>
/// <param name="weight">f32 [H].</param>
/// <param name="place">What it is called where a row is not finite.</param>
/// <param name="layer">What layers are built from.</param>
/// <param name="product">Norms rows and multiplies them at once, or null.</param>
internal sealed class ResidualNorm(Tensor weight, int place, LayerContext layer, NormedLinear? product = null)
{
    private readonly NormWeight _norm = new(weight, layer.Config.NormEpsilon, place);

    /// <summary>Whether <see cref="Project"/> takes a step's rows.</summary>
    /// <param name="weight">[N, H], or null where no product follows.</param>
    /// <param name="step">The step.</param>
    public bool Projects(LinearWeight? weight, StepContext step) =>
        weight is not null && layer.Peers is null && product?.Takes(step.Batch.Rows, step.Batch.PromptRows, weight) == true;

    /// <summary>Runs it and the product behind it, where the device takes both at once.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H]: what is added; or empty.</param>
    /// <param name="kept">f32 [T, H]: receives their sum.</param>
    /// <param name="normed">f32 [T, H]: receives the norm, or empty.</param>
    /// <param name="weight">[N, H].</param>
    /// <param name="step">The step; its memory holds the result.</param>
    /// <returns>f32 [T, N], rows may be strided.</returns>
    public Tensor Project(Tensor residual, Tensor delta, Tensor kept, Tensor normed, LinearWeight weight, StepContext step)
    {
        Tensor output = step.Arena.Product(residual.Shape[0], weight.Outputs);
        product!.Run(residual, delta, _norm.Weight, _norm.Epsilon, kept, normed, step.Faults, _norm.Place, weight, output);
        return output;
    }

    /// <summary>Runs it, the router behind it and the choice of experts, where the device takes all at once.</summary>
    /// <param name="residual">f32 [T, H].</param>
    /// <param name="delta">f32 [T, H]: what is added.</param>
    /// <param name="kept">f32 [T, H]: receives their sum; may be <paramref name="residual"/>.</param>
    /// <param name="normed">f32 [T, H]: receives the norm.</param>
    /// <param name="choice">The router, and where the choice goes.</param>
    /// <param name="step">The step.</param>
    public void Route(Tensor residual, Tensor delta, Tensor kept, Tensor normed, in RouterChoice choice, StepContext step) =>
        layer.Ops.NormedRouter!.Run(residual, delta, _norm.Weight, _norm.Epsilon, kept, normed, step.Faults, _norm.Place, choice);

    /// <summary>Runs it, with the terms of a prompt's rows, or of generated ones alone, where the device makes them.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="added">What is added, whole or left to be summed; or nothing.</param>
    /// <param name="normed">f32 [T, H]: room for the norm.</param>
    /// <param name="use">Who takes it, and how.</param>
    /// <param name="step">The step; it has room for the terms, until the next norm.</param>
    /// <param name="next">What multiplies all rows and alone takes them, or null.</param>
    public NormedRows Run(Tensor residual, Addend added, Tensor normed, TermUse use, StepContext step, LinearWeight? next = null)
    {
        long rows = step.Batch.PromptRows, width = residual.Shape[1];
        if (rows == 0 && next is not null && layer.Peers is null && layer.Ops.NormedTerms is { } generated && layer.Ops.Linear.TakesPieces(next, step.Batch.Rows))
        {
            rows = step.Batch.Rows;
            Tensor pieces = generated.Pieces(step.Terms, rows, width);
            if (added.Parts.IsEmpty)
            {
                generated.RunGenerated(residual, added.Whole, _norm.Weight, _norm.Epsilon, normed, pieces, step.Faults, _norm.Place);
            }
            else
            {
                layer.Ops.SummedNorm!.RunToTerms(residual, added.Parts, _norm.Weight, _norm.Epsilon, pieces, step.Faults, _norm.Place);
            }

            return new NormedRows(normed, pieces);
        }

        // Rounded sums are taken by the norm that makes terms, even where nobody needs the terms.
        if ((use == TermUse.None && added.Rounded.IsEmpty) || rows == 0 || layer.Peers is not null || layer.Ops.NormedTerms is not { } norm)
        {
            RunWhole(residual, added, normed, step);
            return new NormedRows(normed);
        }

        Tensor terms = norm.Of(step.Terms, rows, width);
        bool areRead = use != TermUse.Instead;
        if (added.Parts.IsEmpty)
        {
            norm.Run(residual, added.Rows, _norm.Weight, _norm.Epsilon, normed, terms, areRead, step.Faults, _norm.Place, added.Rounded);
        }
        else
        {
            layer.Ops.SummedNorm!.RunToTerms(residual, added.Parts, _norm.Weight, _norm.Epsilon, normed, terms, areRead, step.Faults, _norm.Place);
        }

        return new NormedRows(normed, use == TermUse.None ? default : terms);
    }

    /// <summary>Runs it.</summary>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="added">What is added, whole or left to be summed; or nothing.</param>
    /// <param name="normed">f32 [T, H]: receives the norm.</param>
    /// <param name="step">The step.</param>
    public void Run(Tensor residual, Addend added, Tensor normed, StepContext step)
    {
        if (added.Rounded.IsEmpty)
        {
            RunWhole(residual, added, normed, step);
        }
        else
        {
            Run(residual, added, normed, TermUse.None, step);
        }
    }

    // All rows f32, or in parts.
    private void RunWhole(Tensor residual, Addend added, Tensor normed, StepContext step)
    {
        if (!added.Slices.IsEmpty)
        {
            layer.Ops.SummedNorm!.Run(residual, added.Slices, _norm.Weight, _norm.Epsilon, normed, step.Faults, _norm.Place);
        }
        else if (!added.Parts.IsEmpty)
        {
            layer.Ops.SummedNorm!.Run(residual, added.Parts, _norm.Weight, _norm.Epsilon, normed, step.Faults, _norm.Place);
        }
        else if (layer.Peers?.TrySumNorm(residual, added.Whole, _norm, normed, step.Faults) != true)
        {
            layer.Ops.AddRmsNorm.Run(residual, added.Whole, _norm.Weight, _norm.Epsilon, normed, step.Faults, _norm.Place);
        }
    }
}
