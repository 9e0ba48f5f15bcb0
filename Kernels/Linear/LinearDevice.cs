using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Linear on a device: prompt rows and generated rows each by their own kernel, whatever their number, and a launch for
/// each range of the weight's rows. Both run on the matrix units where the device has them.
/// </summary>
internal sealed class LinearDevice(KernelStream stream) : Linear
{
    private readonly LinearMatrixUnits _units = new(stream);
    private readonly RowUnits _rows = new(stream);

    private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows)
    {
        long generated = x.Shape[0] - promptRows;
        bool onUnits = promptRows > 0 && _units.Takes(weight);
        if (onUnits && !_units.TryFew(x.Rows(0, promptRows), weight, output.Rows(0, promptRows)))
        {
            Tensor terms = LinearMatrixUnits.Terms(stream.Scratch(LinearMatrixUnits.TermBytes(promptRows, weight.Inputs)).Address, promptRows, weight.Inputs);
            _units.Split(x.Rows(0, promptRows), terms);
            _units.Run(terms, weight, output.Rows(0, promptRows));
        }

        foreach (LinearWeight.Part part in weight.Parts)
        {
            var matrix = new Tensor(weight.Type, new Shape(part.Rows, weight.Inputs), part.Address);
            Tensor columns = output.Columns(part.Column, part.Rows);
            if (promptRows > 0 && !onUnits)
            {
                Prompt(x.Rows(0, promptRows), matrix, columns.Rows(0, promptRows));
            }

            if (generated > 0)
            {
                Generated(x.Rows(promptRows, generated), matrix, columns.Rows(promptRows, generated));
            }
        }
    }

    private void Prompt(Tensor x, Tensor weight, Tensor output)
    {
        if (weight.Type == DType.BF16)
        {
            LinearPromptBf16Launcher.Launch(stream, x, weight, output);
        }
        else
        {
            LinearPromptF32Launcher.Launch(stream, x, weight, output);
        }
    }

    private void Generated(Tensor x, Tensor weight, Tensor output)
    {
        if (_rows.Takes(x, weight))
        {
            _rows.Linear(x, weight, default, default, output);
        }
        else if (weight.Type == DType.BF16)
        {
            LinearGeneratedBf16Launcher.Launch(stream, x, weight, output);
        }
        else
        {
            LinearGeneratedF32Launcher.Launch(stream, x, weight, output);
        }
    }
}
